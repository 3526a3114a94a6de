"""Large weights matter, measured by what is left once all smaller ones are gone (Lee et al. 2021, arXiv 2010.07611)."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from autocompress.compress.importances.base import Importance, Slice


class Lamp(Importance):
    """The squares of a channel's weights, as a share of those of its group that are at least as large.

    The largest channel of every group scores 1, so none is lost whole when groups are compared.
    """

    compares: ClassVar[bool] = True

    def score(self, slices: Sequence[Slice], channels: int, chance: torch.Generator) -> Tensor:
        squares = torch.zeros(channels)
        for part in slices:
            squares = squares + part.summed(part.weights**2, channels)
        order = squares.argsort(descending=True)
        shares = torch.empty(channels)
        shares[order] = squares[order] / squares[order].cumsum(0).clamp_min(torch.finfo(squares.dtype).tiny)
        return shares
