"""Layer-adaptive magnitude: a weight against all larger ones of its layer (Lee et al. 2021, arXiv 2010.07611)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from autocompress.compress.patterns._rank import gone, highest_of_all
from autocompress.compress.patterns.base import Pattern


class Lamp(Pattern):
    """The smallest weights in proportion to what is left of their layer; every layer's largest goes last."""

    def kept(self, weights: Mapping[str, Tensor], sparsity: float, generator: torch.Generator) -> dict[str, Tensor]:
        scores = {name: _score(weight) for name, weight in weights.items()}
        return highest_of_all(scores, gone(sum(weight.numel() for weight in weights.values()), sparsity))


def _score(weight: Tensor) -> Tensor:
    """Its square, as a share of the squares of all weights that are no smaller."""
    squares = weight.flatten().double() ** 2  # in float32, a million of them add up to a wrong sum
    order = squares.argsort(stable=True)
    left = squares[order].flip(0).cumsum(0).flip(0)
    ranked = squares[order] / left.clamp_min(torch.finfo(torch.float64).tiny)
    return torch.empty_like(squares).index_copy_(0, order, ranked).view_as(weight)
