"""Large weights matter (Li et al. 2017, arXiv 1608.08710)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from autocompress.compress.importances.base import Importance, Slice
from autocompress.plugin import among


class Magnitude(Importance):
    """The L1 or L2 norm (`p`) of all weights that would be cut with the channel."""

    p: Literal[1, 2] = among(2, 1, 2)

    def score(self, slices: Sequence[Slice], channels: int, chance: torch.Generator) -> Tensor:
        total = torch.zeros(channels)
        for part in slices:
            total = total + part.summed(part.weights.abs() ** self.p, channels)
        return total ** (1 / self.p)
