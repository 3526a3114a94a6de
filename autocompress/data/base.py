"""Where examples come from. A data plug-in loads arrays; everything after that is the trainer's."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autocompress.plugin import Plugin

Images = NDArray[np.uint8]  # N, C, H, W
Labels = NDArray[np.int64]  # N


@dataclass(frozen=True)
class Split:
    x: Images
    y: Labels

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Dataset:
    """Three splits. `val` is cut from the training examples and steers the search; `test` is used once, for the front.

    `train` is shuffled: its first examples are as good as any, so quantizers may calibrate on them.

    `mean` and `std` are per channel, of pixels scaled to [0, 1]: a model's input is `(x / 255 - mean) / std`.
    """

    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def inputs(self) -> tuple[int, int, int]:
        _, c, h, w = self.train.x.shape
        return c, h, w

    def prepared(self, x: Images) -> NDArray[np.float32]:
        """Pixels as a model wants them."""
        shape = (1, -1, 1, 1)
        mean = np.array(self.mean, dtype=np.float32).reshape(shape)
        std = np.array(self.std, dtype=np.float32).reshape(shape)
        return (x.astype(np.float32) / np.float32(255) - mean) / std

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every pixel and label, in order: equal data, equal digest."""
        h = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            h.update(str(split.x.shape).encode())
            h.update(np.ascontiguousarray(split.x).tobytes())
            h.update(np.ascontiguousarray(split.y).tobytes())
        return h.hexdigest()


class Data(Plugin, ABC):
    """Load a data set as uint8 images in memory, split reproducibly."""

    @abstractmethod
    def load(self) -> Dataset: ...
