"""The smallest weights of the whole network (Han et al. 2015, arXiv 1506.02626): wide layers lose more than narrow."""

from collections.abc import Mapping

import torch
from torch import Tensor

from autocompress.compress.patterns._rank import gone, highest_of_all
from autocompress.compress.patterns.base import Pattern


class Magnitude(Pattern):
    """The smallest weights of the whole network, whichever layer they are in."""

    def kept(self, weights: Mapping[str, Tensor], sparsity: float, generator: torch.Generator) -> dict[str, Tensor]:
        scores = {name: weight.abs() for name, weight in weights.items()}
        return highest_of_all(scores, gone(sum(weight.numel() for weight in weights.values()), sparsity))
