"""Take single weights out of a network. No mask is kept beside it: in a sparse layer, a weight of 0 is out."""

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor, nn

from autocompress.compress.model import Model
from autocompress.compress.patterns.base import Pattern
from autocompress.errors import Failure

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NEXT_TO_NOTHING = 1e-12


def thinnable(
    model: Model, by: Pattern, *, head: bool = False, only: Collection[str] | None = None
) -> dict[str, Tensor]:
    """What the pattern may take from: the weights of convolutions and matrices, never norms and biases, and the
    classifier only if `head`; or of those layers `only`. Attention's joint projection is no layer of its own, and
    stays whole."""
    weights = {
        name: model.net.get_parameter(f"{name}.weight").detach()
        for name in layers(model)
        if ((head or name != model.parts.head) if only is None else name in only)
    }
    found = {name: weight for name, weight in weights.items() if by.fits(weight)}
    if not found:
        raise Failure("unsupported", f"{type(by).__name__} fits none of the {len(weights)} layers: {by!r}")
    return found


def layers(model: Model) -> list[str]:
    """The names of convolutions and matrices."""
    return [name for name, module in model.net.named_modules() if isinstance(module, LAYERS)]


def thinned(
    model: Model,
    by: Pattern,
    sparsity: float,
    seed: int,
    *,
    head: bool = False,
    only: Collection[str] | None = None,
) -> Model:
    """A copy without that share of the thinnable weights. What was out before stays out, and counts."""
    model = model.copy()
    weights = thinnable(model, by, head=head, only=only)
    kept = by.kept(weights, sparsity, torch.Generator().manual_seed(seed))
    for name, weight in weights.items():
        weight.masked_fill_(~kept[name], 0.0)
    sparse = {*model.sparse, *weights}
    return replace(model, sparse=tuple(name for name, _ in model.net.named_modules() if name in sparse))


def share(model: Model, by: Pattern, *, head: bool = False, only: Collection[str] | None = None) -> float:
    """How much of the thinnable weights is out."""
    weights = thinnable(model, by, head=head, only=only).values()
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    return zeros / sum(weight.numel() for weight in weights)


def rewound(model: Model, start: Model) -> Model:
    """What is left of `model`, as it was at the `start`: its weights, its norms and all."""
    past = start.copy()
    with torch.no_grad():
        for name in model.sparse:
            weight, out = past.net.get_parameter(f"{name}.weight"), model.net.get_parameter(f"{name}.weight") == 0
            weight.masked_fill_(weight == 0, NEXT_TO_NOTHING)  # some layers start as zeros, and are not out for that
            weight.masked_fill_(out, 0.0)
    return replace(model, net=past.net)
