"""So many of every few weights, which some hardware computes faster (2:4: Mishra et al. 2021, arXiv 2104.08378)."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from autocompress.compress.patterns._rank import gone
from autocompress.compress.patterns.base import Pattern
from autocompress.plugin import among


class NOfM(Pattern):
    """The smallest of every `m` neighbours along a layer's inputs: 2 of 4 stay at sparsity 0.5, 1 of 4 at 0.75.

    A sparsity in between is rounded up. Layers whose inputs are no multiple of `m` are left whole.
    """

    m: Annotated[int, Field(ge=2, le=64)] = among(4, 4, 8, 16)

    @property
    def most(self) -> float:
        return 1 - 1 / self.m

    def fits(self, weight: Tensor) -> bool:
        return weight.shape[1] % self.m == 0

    def kept(self, weights: Mapping[str, Tensor], sparsity: float, generator: torch.Generator) -> dict[str, Tensor]:
        out = gone(self.m, sparsity)
        assert out < self.m, "one of them stays"
        return {name: self._kept(weight.abs(), out) for name, weight in weights.items()}

    def _kept(self, scores: Tensor, out: int) -> Tensor:
        last = scores.movedim(1, -1)
        groups = last.reshape(-1, self.m)
        lowest = groups.argsort(dim=1, stable=True)[:, :out]
        stay = torch.ones_like(groups, dtype=torch.bool).scatter_(1, lowest, False)
        return stay.view(last.shape).movedim(-1, 1)
