"""What is done to training images before a network sees them: on the compute device, a batch at a time."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from autocompress.compress.draws import Draws
from autocompress.plugin import Plugin


class Augmentation(Plugin, ABC):
    """Change a batch of pixels. All chance comes from `draws`, so an example looks the same in every batch.

    `x` is (B, C, H, W) of pixels 0 to 255, uint8 or float32; what comes back is one of both, of the same shape.
    """

    mixes: ClassVar[bool] = False  # wants `mix` called instead, with a second batch

    @abstractmethod
    def apply(self, x: Tensor, draws: Draws) -> Tensor: ...

    def mix(self, x: Tensor, other: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """`x` with a part of `other` in it, and how much of each image is still its own, (B,) in [0, 1]."""
        raise AssertionError(f"{type(self).__name__} does not mix")
