"""A filter that lies amid the others can be replaced by them (He et al. 2019, arXiv 1811.00250)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from autocompress.compress.importances.base import Importance, Slice


class Fpgm(Importance):
    """How far a channel's filters are from all other filters of their layers: little near the geometric median.

    Only the layers that make the channels are looked at, not those that read them.
    """

    def score(self, slices: Sequence[Slice], channels: int, chance: torch.Generator) -> Tensor:
        total = torch.zeros(channels)
        for part in slices:
            if part.role == "makes":
                filters = part.weights.movedim(part.dim, 0).flatten(1)
                mine = part.channels >= 0
                far = torch.zeros(len(filters)).masked_scatter(mine, torch.cdist(filters[mine], filters[mine]).sum(1))
                total = total + part.gathered(far, channels)
        return total
