"""A rectangle somewhere in each image."""

import torch
from torch import Tensor

from autocompress.compress.draws import Draws


def box(draws: Draws, x: Tensor, tall: int | Tensor, wide: int | Tensor) -> Tensor:
    """True inside, (B, 1, H, W). Its middle is any pixel of the image, so a part of it may lie outside.

    `tall` and `wide` in pixels, for all examples or (B, 1) for each.
    """
    height, width = x.shape[2:]
    top = draws.whole(0, height - 1) - tall // 2
    left = draws.whole(0, width - 1) - wide // 2
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    within = (rows >= top) & (rows < top + tall)
    across = (columns >= left) & (columns < left + wide)
    return (within[:, :, None] & across[:, None, :])[:, None]
