"""A data set out of plain arrays: x_train, y_train, x_test, y_test, and if there x_val, y_val, class_names."""

from collections.abc import Mapping

import numpy as np

from autocompress.data._colour import moments
from autocompress.data._split import train_and_val
from autocompress.data.base import Dataset, Images, Split

MOST_CHANNELS = 4  # a last axis this short holds colours, not columns


def from_arrays(held: Mapping[str, np.ndarray], share: float, seed: int) -> Dataset:
    """Without x_val, a share of the training examples is cut off for it. A mistake is a ValueError."""
    missing = [name for name in ("x_train", "y_train", "x_test", "y_test") if name not in held]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing; it holds {', '.join(held) or 'nothing'}")
    if ("x_val" in held) != ("y_val" in held):
        raise ValueError("x_val and y_val go together; it holds one of them")
    given = _split(held, "val") if "x_val" in held else None
    train, test = _split(held, "train"), _split(held, "test")
    train, val = train_and_val(train, given, share, seed)
    for name, split in (("x_val", val), ("x_test", test)):
        if split.x.shape[1:] != train.x.shape[1:]:
            shapes = f"{_hwc(split)} and those of x_train {_hwc(train)}"
            raise ValueError(f"images of {name} are {shapes}; all must be alike")
    classes = _classes(held, max(int(s.y.max()) for s in (train, val, test)) + 1)
    mean, std = moments(train.x)
    return Dataset(train, val, test, classes, mean, std)


def _split(held: Mapping[str, np.ndarray], which: str) -> Split:
    x, y = held[f"x_{which}"], held[f"y_{which}"]
    if x.dtype != np.uint8:
        raise ValueError(f"x_{which} is {x.dtype}; wants uint8 pixels, 0 to 255")
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] > MOST_CHANNELS):
        raise ValueError(f"x_{which} has shape {x.shape}; wants (N, H, W) or (N, H, W, C)")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"y_{which} is {y.dtype} of shape {y.shape}; wants N whole numbers")
    if len(x) != len(y) or not len(x):
        raise ValueError(f"{len(x)} images in x_{which} and {len(y)} labels in y_{which}")
    if y.min() < 0:
        raise ValueError(f"y_{which} holds {y.min()}; labels count from 0")
    return Split(_nchw(x), y.astype(np.int64))


def _classes(held: Mapping[str, np.ndarray], least: int) -> tuple[str, ...]:
    if "class_names" not in held:
        return tuple(str(label) for label in range(max(least, 2)))
    names = tuple(str(name) for name in np.asarray(held["class_names"]).reshape(-1))
    if len(names) < max(least, 2):
        raise ValueError(f"{len(names)} class_names, but labels go up to {least - 1}")
    return names


def _nchw(x: np.ndarray) -> Images:
    planes = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(planes)


def _hwc(split: Split) -> str:
    _, channels, height, width = split.x.shape
    return f"{height} x {width} x {channels}"
