"""Pixels 0 to 255: how bright they are, and back to the type they came in.

Sums are written out here and beside: torch's own add in an order that may depend on the batch, to the last bit.
"""

import torch
from torch import Tensor

RED, GREEN, BLUE = 0.299, 0.587, 0.114  # how bright the eye finds each (ITU-R BT.601)


def like(pixels: Tensor, x: Tensor) -> Tensor:
    """Pixels in the range and the type of `x`."""
    kept = pixels.clamp(0, 255)
    return kept.round_().to(torch.uint8) if x.dtype == torch.uint8 else kept


def brightness(x: Tensor) -> Tensor:
    """(B, 1, H, W), of float pixels."""
    channels = x.unbind(1)
    weights = (RED, GREEN, BLUE) if len(channels) == 3 else (1 / len(channels),) * len(channels)
    total = channels[0] * weights[0]
    for channel, weight in zip(channels[1:], weights[1:], strict=True):
        total = total + channel * weight
    return total[:, None]


def average(bright: Tensor) -> Tensor:
    """Mean brightness of each image, (B, 1, 1, 1): whole numbers add up to the same in any order."""
    total = bright.round().sum((1, 2, 3), keepdim=True, dtype=torch.float64)
    return (total / (bright.shape[2] * bright.shape[3])).float()
