"""Where examples come from. A data plug-in loads arrays; everything after that is the trainer's."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from autocompress.errors import Failure
from autocompress.plugin import Plugin, make

Images = NDArray[np.uint8]  # N, C, H, W
Labels = NDArray[np.int64]  # N
Places = slice | NDArray[np.intp]


@runtime_checkable
class Album(Protocol):
    """Images that need not be in memory: indexed like an array, they are read when they are asked for.

    It travels to other processes. `digest` changes when any image may have changed.
    """

    @property
    def shape(self) -> tuple[int, int, int, int]: ...

    @property
    def digest(self) -> str: ...

    def __getitem__(self, places: Places) -> Images: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Split:
    x: Images | Album
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

    def shown(self, split: Split, size: int = 256) -> Iterator[NDArray[np.float32]]:
        """A split's images in order, prepared, a batch at a time."""
        for start in range(0, len(split), size):
            yield self.prepared(split.x[start : start + size])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every pixel and label, in order; an album speaks for its pixels. Equal data, equal digest."""
        h = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            h.update(str(split.x.shape).encode())
            h.update(split.x.tobytes() if isinstance(split.x, np.ndarray) else split.x.digest.encode())
            h.update(np.ascontiguousarray(split.y).tobytes())
        return h.hexdigest()


class Data(Plugin, ABC):
    """Load a data set as uint8 images, split reproducibly."""

    runs_code: ClassVar[bool] = False  # of the user's: nothing that a stranger may ask for

    @abstractmethod
    def load(self) -> Dataset:
        """Raises ValueError if the examples cannot be read, with what the person who named them can do about it."""


def loaded(settings: Mapping[str, Any]) -> Dataset:
    """Examples by their settings. What is wrong with them is told in words, not as a bug."""
    try:
        return make(Data, settings).load()
    except (OSError, ValueError) as error:
        raise Failure("data", str(error)) from error
