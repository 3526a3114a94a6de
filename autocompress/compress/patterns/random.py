"""Any weights at all: the control, which every other pattern should beat."""

from collections.abc import Mapping

import torch
from torch import Tensor

from autocompress.compress.patterns._rank import gone, highest
from autocompress.compress.patterns.base import Pattern


class Random(Pattern):
    """Weights drawn by lot, the same share of every layer."""

    def kept(self, weights: Mapping[str, Tensor], sparsity: float, generator: torch.Generator) -> dict[str, Tensor]:
        lots = {name: torch.rand(weight.shape, generator=generator) for name, weight in weights.items()}
        return {
            name: highest(lot.masked_fill(weights[name] == 0, -1.0), gone(lot.numel(), sparsity))
            for name, lot in lots.items()
        }
