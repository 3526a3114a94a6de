"""Paste a rectangle of another image (Yun et al. 2019, arXiv 1905.04899)."""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations._box import box
from autocompress.compress.augmentations._share import share
from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.plugin import ranged


class Cutmix(Augmentation):
    """With probability `p` a rectangle comes from another image (Yun et al. 2019, arXiv 1905.04899)."""

    mixes: ClassVar[bool] = True

    alpha: Annotated[float, Field(ge=0.05, le=1)] = ranged(1.0, 0.1, 1.0)  # 1: any area alike; small: little or much
    p: Annotated[float, Field(ge=0, le=1)] = 0.5

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        raise AssertionError("cutmix wants two images")

    def mix(self, x: Tensor, other: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        drawn = draws.uniform() < self.p
        side = (1 - share(draws, self.alpha)[:, None]).sqrt() * drawn
        height, width = x.shape[2:]
        pasted = box(draws, x, (side * height).round().long(), (side * width).round().long())
        own = 1 - pasted.sum((1, 2, 3)) / (height * width)  # what lay outside was not pasted
        part = pasted.to(x.dtype)
        return x * (1 - part) + other * part, own
