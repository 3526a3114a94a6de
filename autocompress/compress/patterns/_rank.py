"""Keep the highest scores. Exact counts, and the same choice every time: of equals, the first go."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

DUST = 1e-6  # of a weight: 0.7 x 10 is 7, not 7.000000000000001


def gone(weights: int, sparsity: float) -> int:
    """How many of so many weights go: never less than the share that is asked for."""
    return math.ceil(weights * sparsity - DUST)


def highest(scores: Tensor, out: int) -> Tensor:
    """True for all but the `out` lowest."""
    if out == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    flat = scores.flatten()
    last = flat.kthvalue(out).values
    below, ties = flat < last, flat == last
    return ~(below | (ties & (ties.cumsum(0) <= out - below.sum()))).view_as(scores)


def highest_of_all(scores: Mapping[str, Tensor], out: int) -> dict[str, Tensor]:
    """The same over all layers together."""
    flat = torch.cat([score.flatten() for score in scores.values()])
    parts = torch.split(highest(flat, out), [score.numel() for score in scores.values()])
    return {name: part.view_as(score) for (name, score), part in zip(scores.items(), parts, strict=True)}
