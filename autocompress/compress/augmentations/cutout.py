"""Cover a square of the image (DeVries & Taylor 2017, arXiv 1708.04552)."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations._box import box
from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.plugin import ranged

GREY = 128  # nearest to "says nothing" without knowing the data


class Cutout(Augmentation):
    """Cover a square of `side` pixels, its middle anywhere in the image (DeVries & Taylor 2017, arXiv 1708.04552)."""

    side: Annotated[int, Field(ge=0)] = ranged(8, 2, 16)
    fill: Literal["grey", "black"] = "grey"

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        hole = box(draws, x, self.side, self.side).to(x.dtype)
        return x * (1 - hole) + hole * (GREY if self.fill == "grey" else 0)  # 8 times as fast as filling by a mask
