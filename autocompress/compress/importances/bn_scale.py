"""What batch norms turn down matters little (Liu et al. 2017, arXiv 1708.06519)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from autocompress.compress.importances.base import Importance, Slice


class BnScale(Importance):
    """The scales that batch norms give the channel, summed. Channels that no batch norm scales are not cut."""

    def judges(self, slices: Sequence[Slice]) -> bool:
        return any(part.role == "scales" for part in slices)

    def score(self, slices: Sequence[Slice], channels: int, chance: torch.Generator) -> Tensor:
        scales = (part.summed(part.weights.abs(), channels) for part in slices if part.role == "scales")
        return sum(scales, torch.zeros(channels))
