"""A few operations out of fourteen, all at one magnitude (Cubuk et al. 2019, arXiv 1909.13719)."""

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations._pixels import average, brightness, like
from autocompress.compress.augmentations._warp import turning, warped
from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.plugin import ranged

DEGREES, SLANT, PART = 30.0, 0.3, 150 / 331  # at magnitude 10: turned, slanted, and shifted by a part of the image
STRONGER = 0.9  # at magnitude 10 colour, contrast, light and sharpness are multiplied by 1.9 or 0.1
BITS_LOST = 4


class Randaugment(Augmentation):
    """`ops` of fourteen operations in turn, drawn for each image (Cubuk et al. 2019, arXiv 1909.13719)."""

    ops: Annotated[int, Field(ge=0)] = ranged(2, 1, 3)
    magnitude: Annotated[float, Field(ge=0, le=10)] = ranged(5.0, 0.0, 10.0)

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        """Whole numbers in between, so that equalising and the like mean the same for bytes and floats."""
        shown = x.to(torch.float32, copy=True)
        for _ in range(self.ops):
            operation, sign = draws.whole(0, len(OPERATIONS) - 1)[:, 0], 1 - 2 * draws.whole(0, 1)[:, 0]
            amount = sign * (self.magnitude / 10)
            many = operation.bincount(minlength=len(OPERATIONS)).tolist()  # the one time a GPU is waited for
            members = torch.split(operation.argsort(), many)
            for operate, some in zip(OPERATIONS, members, strict=True):
                if len(some):
                    shown[some] = operate(shown[some], amount[some]).clamp(0, 255).round()
        return like(shown, x)


Operation = Callable[[Tensor, Tensor], Tensor]  # float pixels and how much of the greatest strength, -1 to 1


def _nothing(x: Tensor, amount: Tensor) -> Tensor:
    return x


def _stretched(x: Tensor, amount: Tensor) -> Tensor:
    """Each channel from black to full."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return torch.where(high > low, (x - low) * 255 / (high - low).clamp(min=1), x)


def _equalised(x: Tensor, amount: Tensor) -> Tensor:
    """Each channel with as many pixels of any level as of any other."""
    levels = x.round().long().flatten(2)
    counts = torch.zeros((*levels.shape[:2], 256), dtype=torch.long, device=x.device)
    below = counts.scatter_add_(2, levels, torch.ones_like(levels)).cumsum(2)
    darkest = below.gather(2, levels.amin(2, keepdim=True))
    spread = levels.shape[2] - darkest
    table = (below - darkest).clamp(min=0) * 255 / spread.clamp(min=1)
    return torch.where((spread > 0)[..., None], table.gather(2, levels).reshape(x.shape), x)


def _turned(x: Tensor, amount: Tensor) -> Tensor:
    return warped(x, turning((amount * DEGREES).deg2rad()))


def _slanted_across(x: Tensor, amount: Tensor) -> Tensor:
    return _moved(x, xy=amount * SLANT)


def _slanted_down(x: Tensor, amount: Tensor) -> Tensor:
    return _moved(x, yx=amount * SLANT)


def _shifted_across(x: Tensor, amount: Tensor) -> Tensor:
    return _moved(x, x0=amount * PART * x.shape[3])


def _shifted_down(x: Tensor, amount: Tensor) -> Tensor:
    return _moved(x, y0=amount * PART * x.shape[2])


def _moved(x: Tensor, **changed: Tensor) -> Tensor:
    still = {"xx": 1.0, "xy": 0.0, "x0": 0.0, "yx": 0.0, "yy": 1.0, "y0": 0.0}
    parts = [changed.get(name, torch.full((len(x),), value, device=x.device)) for name, value in still.items()]
    return warped(x, torch.stack(parts, 1).reshape(-1, 2, 3))


def _inverted_above(x: Tensor, amount: Tensor) -> Tensor:
    """Solarised: bright becomes dark."""
    return torch.where(x >= 256 * (1 - _each(amount).abs()), 255 - x, x)


def _coarser(x: Tensor, amount: Tensor) -> Tensor:
    """Fewer bits."""
    step = torch.ones_like(amount, dtype=torch.long) << (amount.abs() * BITS_LOST).round().long()
    return x - x % _each(step)


def _brighter(x: Tensor, amount: Tensor) -> Tensor:
    return _away(x, torch.zeros_like(x), amount)


def _contrasted(x: Tensor, amount: Tensor) -> Tensor:
    return _away(x, average(brightness(x)), amount)


def _coloured(x: Tensor, amount: Tensor) -> Tensor:
    return _away(x, brightness(x) if x.shape[1] > 1 else x, amount)


def _sharpened(x: Tensor, amount: Tensor) -> Tensor:
    """Away from a blur of each pixel with its eight neighbours; the edge of the image stays."""
    if min(x.shape[2:]) < 3:
        return x
    rows = x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]
    blurred = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * x[:, :, 1:-1, 1:-1]) / 13
    changed = x.clone()
    changed[:, :, 1:-1, 1:-1] = _away(x[:, :, 1:-1, 1:-1], blurred, amount)
    return changed


def _away(x: Tensor, dull: Tensor, amount: Tensor) -> Tensor:
    """Further from a dull version of the image, or nearer to it."""
    return dull + (x - dull) * (1 + _each(amount) * STRONGER)


def _each(amount: Tensor) -> Tensor:
    return amount[:, None, None, None]


OPERATIONS: tuple[Operation, ...] = (
    _nothing,
    _stretched,
    _equalised,
    _turned,
    _slanted_across,
    _slanted_down,
    _shifted_across,
    _shifted_down,
    _inverted_above,
    _coarser,
    _brighter,
    _contrasted,
    _coloured,
    _sharpened,
)
