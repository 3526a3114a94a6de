"""Which layers bear to lose how much: accuracy after a cut in one layer alone, without training.

Losses of single layers do not add up: they are good for caps, above which no layer is cut, not for sharing a cut out.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from autocompress.compress.breakpoint import Breakpoint, breakpoint
from autocompress.compress.cutting.anatomy import Group, remove
from autocompress.compress.cutting.dissector import SHARED
from autocompress.compress.cutting.scores import scores, slices
from autocompress.compress.cutting.widths import kept, step
from autocompress.compress.importances.base import Importance
from autocompress.compress.lab import Lab
from autocompress.compress.masks import thinnable
from autocompress.compress.model import Model
from autocompress.compress.patterns.base import Pattern
from autocompress.compress.recalibrate import recalibrate
from autocompress.errors import Failure


@dataclass(frozen=True)
class Place:
    """Where something can be taken out: `cut(ratio)` is a network that lost that share here, and how many are left."""

    layer: str
    others: tuple[str, ...]  # layers that lose the same channels, since they cannot be cut alone
    size: int  # channels, or weights
    cut: Callable[[float], tuple[nn.Module, int]]


@dataclass(frozen=True)
class Loss:
    """What one layer's cuts did, ratio by ratio."""

    layer: str
    others: tuple[str, ...]
    size: int
    kept: tuple[int, ...]
    accuracy: tuple[float, ...]

    @property
    def is_cut(self) -> bool:
        """Whether anything went at any ratio: channels may go in steps too large for all of them."""
        return any(many < self.size for many in self.kept)

    def borne(self, ratios: Sequence[float], dense: float, images: int, drop: float) -> Breakpoint:
        """How much may go here for no more than `drop`."""
        return breakpoint((0.0, *ratios), (dense, *self.accuracy), images, drop=drop)


def channels(model: Model, lab: Lab, by: Importance) -> list[Place]:
    """Every group of channels, in the order of the network; the lowest scores of a group go first."""
    anatomy = SHARED.anatomy(model)
    parameters = dict(model.net.named_parameters())
    groups = [group for group in anatomy.groups if by.judges(slices(parameters, group, {}))]
    if not groups:
        found = f"{len(anatomy.groups)} groups were found"
        raise Failure("unsupported", f"there are no channels to cut that {type(by).__name__} can judge; {found}")
    known = scores(model.copy().net, groups, by, lab)

    def place(group: Group) -> Place:
        best = known[group.root].argsort(descending=True, stable=True)

        def cut(ratio: float) -> tuple[nn.Module, int]:
            smaller, many = model.copy(), kept(group.width, ratio, step(group, lab.round_to))
            remove(smaller.net, anatomy, {group.root: sorted(best[:many].tolist())})
            return smaller.net, many * group.each

        others = group.makers() - {group.root}
        return Place(group.root, _in_order(model.net, others), group.width * group.each, cut)

    by_root = {group.root: group for group in groups}
    return [place(by_root[root]) for root in _in_order(model.net, by_root)]


def weights(model: Model, lab: Lab, by: Pattern) -> list[Place]:
    """Every layer that the pattern fits, in the order of the network; never the classifier."""

    def place(layer: str) -> Place:
        def cut(ratio: float) -> tuple[nn.Module, int]:
            smaller = model.copy()
            weight = thinnable(smaller, by)[layer]
            stay = by.kept({layer: weight}, ratio, torch.Generator().manual_seed(lab.seed))[layer]
            weight.masked_fill_(~stay, 0.0)
            return smaller.net, int(stay.sum())

        return Place(layer, (), model.net.get_submodule(layer).get_parameter("weight").numel(), cut)

    return [place(layer) for layer in thinnable(model, by)]


def sensitivity(
    model: Model, lab: Lab, places: Sequence[Place], ratios: Sequence[float], *, norms_too: bool = False
) -> Iterator[Loss]:
    """Place by place, validation accuracy after each cut; with `norms_too`, after a new average of the norms."""
    whole = accuracy_of(model.copy().net, lab)
    for place in places:
        seen = {place.size: whole}  # a cut that is too fine for the steps that channels go in costs nothing
        left = []
        for ratio in ratios:
            net, many = place.cut(ratio)
            left.append(many)
            if many not in seen:
                seen[many] = accuracy_of(net, lab, norms_too=norms_too)
        yield Loss(place.layer, place.others, place.size, tuple(left), tuple(seen[many] for many in left))


def accuracy_of(net: nn.Module, lab: Lab, *, norms_too: bool = False) -> float:
    """On the validation split, where the work is done. Changes the network."""
    if norms_too:
        recalibrate(net, lab)
    images = len(lab.data.val)
    return round(lab.accuracy(net.to(lab.device)) * images) / images  # it comes in 32 bits


def _in_order(net: nn.Module, layers: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in net.named_modules() if name in layers)
