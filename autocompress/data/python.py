"""Images from a function of the user's own."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autocompress.data._arrays import from_arrays
from autocompress.data._photos import square, upright
from autocompress.data.base import Data, Dataset
from autocompress.plugin import Function, own


class Python(Data):
    """What `function: package.module:name` returns: a Dataset, named arrays, or (train, test) of (image, label).

    The arrays are named as in an .npz file. Pairs of image and label are collected in memory; there may be three
    collections, (train, val, test).
    """

    runs_code: ClassVar[bool] = True

    function: Function
    kwargs: dict[str, Any] = Field({})  # what the function is called with
    side: Annotated[int, Field(gt=0)] | None = None  # pairs only: make every image a square of this size
    val: Annotated[float, Field(gt=0, lt=1)] = 0.1  # share of the training examples; unused if the function gives some
    split_seed: int = 0

    def load(self) -> Dataset:
        try:
            found = own(self.function)(**self.kwargs)
        except Exception as error:  # it is anybody's code
            raise ValueError(f"{self.function} failed with {type(error).__name__}: {error}") from error
        if isinstance(found, Dataset):
            return found
        try:
            if isinstance(found, Mapping):
                arrays = {str(name): np.asarray(array) for name, array in found.items()}
            elif isinstance(found, tuple | list) and len(found) in (2, 3):
                arrays = self._collected(found)
            else:
                wanted = "a Dataset, a dict of arrays, (train, test) or (train, val, test)"
                raise ValueError(f"returned {type(found).__name__}; wants {wanted}")
            return from_arrays(arrays, self.val, self.split_seed)
        except ValueError as error:
            raise ValueError(f"{self.function}: {error}") from error

    def _collected(self, parts: tuple[Any, ...] | list[Any]) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {}
        for which, part in zip(("train", "val", "test") if len(parts) == 3 else ("train", "test"), parts, strict=True):
            pairs = [part[place] for place in range(len(part))]
            arrays[f"x_{which}"] = self._stacked([image for image, _ in pairs], which)
            arrays[f"y_{which}"] = np.array([int(label) for _, label in pairs], dtype=np.int64)
        if classes := getattr(parts[0], "classes", None):
            arrays["class_names"] = np.array([str(name) for name in classes])
        return arrays

    def _stacked(self, images: list[Any], which: str) -> NDArray[np.uint8]:
        arrays = [self._array(image, which) for image in images]
        shapes = sorted({array.shape for array in arrays})
        if len(shapes) > 1:
            hint = "" if self.side else " (`side: 64` would make all of one size)"
            raise ValueError(f"images of {which} are {shapes[0]} and {shapes[-1]}; all must be alike{hint}")
        return np.stack(arrays) if arrays else np.empty((0, 1, 1), dtype=np.uint8)

    def _array(self, image: Any, which: str) -> NDArray[np.uint8]:
        """(H, W) or (H, W, C), of whatever it is."""
        from PIL import Image
        from torch import Tensor

        if isinstance(image, Image.Image):
            image = np.asarray(image.convert("L") if image.mode in ("1", "L") else upright(image))
        elif isinstance(image, Tensor):
            image = (image.permute(1, 2, 0) if image.ndim == 3 else image).numpy()
        if not isinstance(image, np.ndarray):
            raise ValueError(f"{which} yields {type(image).__name__}; wants a PIL image, a tensor or an array")
        if image.dtype != np.uint8:
            raise ValueError(f"{which} yields {image.dtype}; wants uint8 pixels, 0 to 255: no ToTensor, no Normalize")
        found: NDArray[np.uint8] = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
        return found if self.side is None else np.asarray(square(Image.fromarray(found), self.side))
