"""Images from one NumPy file: x_train, y_train, x_test, y_test, and if there x_val, y_val, class_names."""

import zipfile
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from autocompress.data._arrays import from_arrays
from autocompress.data.base import Data, Dataset


class Npz(Data):
    """An .npz file of uint8 images, (N, H, W) or (N, H, W, C): x_train, y_train, x_test, y_test, and more if there."""

    path: str
    val: Annotated[float, Field(gt=0, lt=1)] = 0.1  # share of the training examples; unused if the file has x_val
    split_seed: int = 0

    def load(self) -> Dataset:
        file = Path(self.path).expanduser()
        if not file.is_file():
            raise ValueError(f"{self.path}: no such file")
        try:
            with np.load(file, allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
        except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self.path}: not an .npz file of plain arrays ({error})") from error
        try:
            return from_arrays(arrays, self.val, self.split_seed)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error
