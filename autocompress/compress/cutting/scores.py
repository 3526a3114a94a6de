"""What an importance sees of a network, group by group, and the scores it gives."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autocompress.compress.cutting.anatomy import Group
from autocompress.compress.examples import Batch
from autocompress.compress.importances.base import Importance, Slice
from autocompress.compress.lab import Lab
from autocompress.errors import Failure
from autocompress.values.recipe import digest

BATCHES, BATCH = 4, 128  # for the sum of gradients
SINGLES = 64  # examples, each alone, for the mean of their squares
SOFTNESS = 4.0  # a trained net makes no mistake on its training examples; only softened do its answers have a gradient


def scores(net: nn.Module, groups: Sequence[Group], by: Importance, lab: Lab) -> dict[str, Tensor]:
    """By the root of each group. Those of different groups can be compared."""
    gradients = _gradients(net, lab, by.gradients)
    parameters = dict(net.named_parameters())
    found = {}
    for group in groups:
        chance = torch.Generator().manual_seed(int(digest("channels", str(lab.seed), group.root)[:15], 16))
        own = by.score(slices(parameters, group, gradients), group.width, chance)
        name = type(by).__name__
        assert own.shape == (group.width,), f"{name} gave {tuple(own.shape)} for {group.width}"
        if not own.isfinite().all():
            raise Failure("unexpected", f"{name} gave scores that are not finite")
        found[group.root] = own if by.compares else own / own.mean().clamp_min(torch.finfo(own.dtype).tiny)
    return found


def slices(parameters: Mapping[str, nn.Parameter], group: Group, gradients: Mapping[str, Tensor]) -> list[Slice]:
    """Of every one of these that the group runs through."""
    found = []
    for part in group.parts:
        if part.tensor in parameters:
            weights = parameters[part.tensor].detach()
            channels = torch.full((weights.shape[part.dim],), -1)
            channels[list(part.entries)] = torch.tensor(part.channels)
            found.append(Slice(weights, part.dim, channels, part.role, gradients.get(part.tensor)))
    return found


def _gradients(net: nn.Module, lab: Lab, kind: str) -> dict[str, Tensor]:
    """Of the task's loss over training examples, the same ones for the same seed. Batch norms stay as they are."""
    if kind == "none":
        return {}
    net.to(lab.device).eval()
    named = dict(net.named_parameters())
    frozen = [p for p in named.values() if not p.requires_grad]  # they matter as much as any
    for parameter in frozen:
        parameter.requires_grad_(True)
    total = {name: torch.zeros_like(p) for name, p in named.items()}
    for batch in _some(lab, kind):
        loss = F.cross_entropy(net(batch.x) / SOFTNESS, batch.y if batch.mixed is None else batch.mixed)
        found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        for name, gradient in zip(named, found, strict=True):
            if gradient is not None:
                total[name] += gradient if kind == "sum" else gradient**2 / SINGLES
    for parameter in frozen:
        parameter.requires_grad_(False)
    net.to("cpu")
    return {name: values.cpu() for name, values in total.items()}


def _some(lab: Lab, kind: str) -> Iterator[Batch]:
    """A few large batches, or as many single examples."""
    if kind == "sum":
        yield from islice(lab.batches(BATCH, epoch=0), BATCHES)
        return
    batch = next(lab.batches(SINGLES, epoch=0))
    for i in range(len(batch.y)):
        mixed = None if batch.mixed is None else batch.mixed[i : i + 1]
        yield Batch(batch.x[i : i + 1], batch.y[i : i + 1], batch.index[i : i + 1], mixed)
