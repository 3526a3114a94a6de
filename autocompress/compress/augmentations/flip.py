"""Left becomes right."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws


class Flip(Augmentation):
    """Mirror an image, left and right, with probability `p`. Not for digits, letters or signs."""

    p: Annotated[float, Field(ge=0, le=1)] = 0.5

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        both = torch.cat((x, x.flip(3)))  # picking whole images from both: 4 times as fast as choosing pixel by pixel
        flipped = draws.uniform()[:, 0] < self.p
        return both.index_select(0, torch.arange(len(x), device=x.device) + flipped * len(x))
