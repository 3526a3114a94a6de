"""How much the loss would move without the channel, to first order (Molchanov et al. 2019, arXiv 1906.10771)."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from autocompress.compress.importances.base import Importance, Slice


class Taylor(Importance):
    """The sum of |gradient x weights| over the layers that the channel would be cut from."""

    gradients: ClassVar[Literal["none", "sum", "squares"]] = "sum"

    def score(self, slices: Sequence[Slice], channels: int, chance: torch.Generator) -> Tensor:
        total = torch.zeros(channels)
        for part in slices:
            assert part.gradient is not None, "surgery supplies gradients to those who ask"
            total = total + part.summed(part.gradient * part.weights, channels).abs()
        return total
