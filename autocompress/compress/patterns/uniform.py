"""The smallest weights of each layer, the same share everywhere (Zhu and Gupta 2017, arXiv 1710.01878)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from autocompress.compress.patterns._rank import gone, highest
from autocompress.compress.patterns.base import Pattern


class Uniform(Pattern):
    """The smallest weights of every layer, the same share of each."""

    def kept(self, weights: Mapping[str, Tensor], sparsity: float, generator: torch.Generator) -> dict[str, Tensor]:
        return {name: highest(weight.abs(), gone(weight.numel(), sparsity)) for name, weight in weights.items()}
