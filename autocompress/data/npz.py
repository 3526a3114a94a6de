"""Images from one NumPy file: x_train, y_train, x_test, y_test, and if there x_val, y_val, class_names."""

import zipfile
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autocompress.data._colour import moments
from autocompress.data._split import stratified
from autocompress.data.base import Data, Dataset, Images, Split

MOST_CHANNELS = 4  # a last axis this short holds colours, not columns


class Npz(Data):
    """An .npz file of uint8 images, (N, H, W) or (N, H, W, C): x_train, y_train, x_test, y_test, and more if there."""

    path: str
    val: Annotated[float, Field(gt=0, lt=1)] = 0.1  # share of the training examples; unused if the file has x_val
    split_seed: int = 0

    def load(self) -> Dataset:
        held = self._read()
        train, test = self._split(held, "train"), self._split(held, "test")
        if "x_val" in held:
            val = self._split(held, "val")
            train = _picked(train, np.random.default_rng(self.split_seed).permutation(len(train)))
        else:
            if len(train) < 2:
                raise ValueError(f"{self.path}: x_train holds {len(train)} image; cutting off x_val needs at least 2")
            kept, cut = stratified(train.y, self.val, self.split_seed)
            train, val = _picked(train, kept), _picked(train, cut)
        for name, split in (("x_val", val), ("x_test", test)):
            if split.x.shape[1:] != train.x.shape[1:]:
                shapes = f"{_hwc(split.x)} and those of x_train {_hwc(train.x)}"
                raise ValueError(f"{self.path}: images of {name} are {shapes}; all must be alike")
        classes = self._classes(held, max(int(s.y.max()) for s in (train, val, test)) + 1)
        mean, std = moments(train.x)
        return Dataset(train, val, test, classes, mean, std)

    def _read(self) -> dict[str, np.ndarray]:
        file = Path(self.path).expanduser()
        if not file.is_file():
            raise ValueError(f"{self.path}: no such file")
        try:
            with np.load(file, allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
        except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self.path}: not an .npz file of plain arrays ({error})") from error
        missing = [name for name in ("x_train", "y_train", "x_test", "y_test") if name not in arrays]
        if missing:
            raise ValueError(f"{self.path}: {', '.join(missing)} missing; it holds {', '.join(arrays) or 'nothing'}")
        if ("x_val" in arrays) != ("y_val" in arrays):
            raise ValueError(f"{self.path}: x_val and y_val go together; it holds one of them")
        return arrays

    def _split(self, held: dict[str, np.ndarray], which: str) -> Split:
        x, y = held[f"x_{which}"], held[f"y_{which}"]
        if x.dtype != np.uint8:
            raise ValueError(f"{self.path}: x_{which} is {x.dtype}; wants uint8 pixels, 0 to 255")
        if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] > MOST_CHANNELS):
            raise ValueError(f"{self.path}: x_{which} has shape {x.shape}; wants (N, H, W) or (N, H, W, C)")
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
            raise ValueError(f"{self.path}: y_{which} is {y.dtype} of shape {y.shape}; wants N whole numbers")
        if len(x) != len(y) or not len(x):
            raise ValueError(f"{self.path}: {len(x)} images in x_{which} and {len(y)} labels in y_{which}")
        if y.min() < 0:
            raise ValueError(f"{self.path}: y_{which} holds {y.min()}; labels count from 0")
        return Split(_nchw(x), y.astype(np.int64))

    def _classes(self, held: dict[str, np.ndarray], least: int) -> tuple[str, ...]:
        if "class_names" not in held:
            return tuple(str(label) for label in range(max(least, 2)))
        names = tuple(str(name) for name in held["class_names"].reshape(-1))
        if len(names) < max(least, 2):
            raise ValueError(f"{self.path}: {len(names)} class_names, but labels go up to {least - 1}")
        return names


def _nchw(x: np.ndarray) -> Images:
    planes = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(planes)


def _picked(split: Split, places: NDArray[np.intp]) -> Split:
    return Split(split.x[places], split.y[places])


def _hwc(x: Images) -> str:
    return f"{x.shape[2]} x {x.shape[3]} x {x.shape[1]}"
