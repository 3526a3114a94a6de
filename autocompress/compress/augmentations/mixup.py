"""Show two images at once, one through the other (Zhang et al. 2017, arXiv 1710.09412)."""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations._pixels import like
from autocompress.compress.augmentations._share import share
from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.plugin import ranged


class Mixup(Augmentation):
    """With probability `p` the weighted mean of two images (Zhang et al. 2017, arXiv 1710.09412)."""

    mixes: ClassVar[bool] = True

    alpha: Annotated[float, Field(ge=0.05, le=1)] = ranged(0.2, 0.1, 1.0)  # 1: any share alike; small: mostly one image
    p: Annotated[float, Field(ge=0, le=1)] = 1.0

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        raise AssertionError("mixup wants two images")

    def mix(self, x: Tensor, other: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        drawn = draws.uniform()[:, 0] < self.p
        own = share(draws, self.alpha).masked_fill(~drawn, 1)
        part = own[:, None, None, None]
        return like(x.float() * part + other.float() * (1 - part), x), own
