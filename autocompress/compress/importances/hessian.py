"""How much the loss would bend without the channel, to second order (LeCun et al. 1989, Optimal Brain Damage).

The diagonal of the Hessian, taken as the mean of squared gradients of single examples (the empirical Fisher).
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from autocompress.compress.importances.base import Importance, Slice


class Hessian(Importance):
    """The sum of curvature x weight^2 over all weights that would be cut with the channel."""

    gradients: ClassVar[Literal["none", "sum", "squares"]] = "squares"

    def score(self, slices: Sequence[Slice], channels: int, chance: torch.Generator) -> Tensor:
        total = torch.zeros(channels)
        for part in slices:
            assert part.gradient is not None, "surgery supplies gradients to those who ask"
            total = total + part.summed(part.gradient * part.weights**2, channels)
        return total
