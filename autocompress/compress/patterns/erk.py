"""Shares by shape: Erdos-Renyi-Kernel (Evci et al. 2020, arXiv 1911.11134), the smallest weights within a layer."""

from collections.abc import Mapping

import torch
from torch import Tensor

from autocompress.compress.patterns._rank import DUST, highest
from autocompress.compress.patterns.base import Pattern


class Erk(Pattern):
    """Each layer keeps in proportion to inputs + outputs + height + width, so small layers stay dense."""

    def kept(self, weights: Mapping[str, Tensor], sparsity: float, generator: torch.Generator) -> dict[str, Tensor]:
        stay = _shared_out(weights, (1 - sparsity) * sum(weight.numel() for weight in weights.values()))
        return {name: highest(weight.abs(), weight.numel() - stay[name]) for name, weight in weights.items()}


def _shared_out(weights: Mapping[str, Tensor], stay: float) -> dict[str, int]:
    """How many weights each layer keeps. What a full layer cannot take, the others share."""
    found: dict[str, int] = {}
    while left := [name for name in weights if name not in found]:
        rest = stay - sum(found.values())
        total = sum(sum(weights[name].shape) for name in left)
        part = {name: rest * sum(weights[name].shape) / total for name in left}
        full = {name: weights[name].numel() for name in left if part[name] >= weights[name].numel() - DUST}
        found |= full or {name: int(part[name] + DUST) for name in left}
    return found
