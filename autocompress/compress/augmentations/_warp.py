"""Look at an image through a tilted, stretched or shifted window: all images of a batch at once."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from autocompress.compress.augmentations._pixels import like


def warped(x: Tensor, matrix: Tensor, outside: Literal["zeros", "border"] = "zeros") -> Tensor:
    """What lies at `matrix` (B, 2, 3) times (column, row, 1), in pixels from the middle of the image; bilinear."""
    height, width = x.shape[2:]
    column = torch.arange(width, device=x.device) - (width - 1) / 2
    row = (torch.arange(height, device=x.device) - (height - 1) / 2)[:, None]
    (xx, xy, x0), (yx, yy, y0) = (part.unbind(1) for part in matrix.float()[..., None, None].unbind(1))
    columns = xx * column + xy * row + x0
    rows = yx * column + yy * row + y0
    places = torch.stack((columns * (2 / width), rows * (2 / height)), -1)
    found = F.grid_sample(x.float(), places, mode="bilinear", padding_mode=outside, align_corners=False)
    return like(found, x)


def turning(radians: Tensor) -> Tensor:
    """A matrix for each angle (B,). In double precision: the last bits of a cosine depend on the batch it is in."""
    cos, sin, none = radians.double().cos(), radians.double().sin(), torch.zeros_like(radians, dtype=torch.float64)
    return torch.stack((cos, -sin, none, sin, cos, none), 1).float().reshape(-1, 2, 3)
