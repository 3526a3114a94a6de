"""Shift an image by a few pixels, as if it had been cut from a larger one."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.plugin import among


class Crop(Augmentation):
    """Shift by up to `pad` pixels in each direction, all shifts alike; what comes in is black, or reflected."""

    pad: Annotated[int, Field(ge=0)] = among(4, 2, 4, 8)
    mode: Literal["black", "reflect"] = "black"

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        batch, channels, height, width = x.shape
        large = (self._reflected(x) if self.mode == "reflect" else F.pad(x, [self.pad] * 4)).contiguous()
        image, plane, row, _ = large.stride()
        # Every place a window may start at, as one view without a copy: picking a window copies whole rows, which is
        # 3 times as fast as gathering pixels and 15 to 25 times as fast as indexing by (example, row, column).
        ends = (channels - 1) * plane + (height - 1) * row + width
        size = (large.numel() - ends + 1, channels, height, width)
        windows = large.as_strided(size, (1, plane, row, 1))
        down, right = draws.whole(0, 2 * self.pad, 2).unbind(1)
        return windows.index_select(0, torch.arange(batch, device=x.device) * image + down * row + right)

    def _reflected(self, x: Tensor) -> Tensor:
        """The edge pixel is the mirror, and is not repeated. torch's own wants floats, and no more than one image."""
        rows, columns = (_mirror(size, self.pad).to(x.device) for size in x.shape[2:])
        return x.index_select(2, rows).index_select(3, columns)


def _mirror(size: int, pad: int) -> Tensor:
    """Places -pad to size + pad, folded back into an axis of this size."""
    turn = max(size - 1, 1)
    folded = (torch.arange(-pad, size + pad) % (2 * turn) - turn).abs()
    return (turn - folded).clamp(max=size - 1)
