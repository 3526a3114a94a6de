"""Cut channels out of a network for real: which hang together, how many stay, which go, and whether it worked."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

import torch
from torch import Tensor, nn

from autocompress.compress.cutting.anatomy import Group, remove, sizes
from autocompress.compress.cutting.dissector import SHARED
from autocompress.compress.cutting.scores import scores, slices
from autocompress.compress.cutting.uses import uses
from autocompress.compress.cutting.widths import Target, Widths, across, locally, reach
from autocompress.compress.importances.base import Importance
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.errors import Failure

Scope = Literal["local", "global", "isomorphic"]


@dataclass(frozen=True)
class Rules:
    """Who loses. `local`: every group the same share. `global`: the lowest scores of all groups come first.

    `isomorphic`: the same share of all groups of one build (Fang et al. 2024, arXiv 2407.04616), lowest scores first.
    A target in channels means the MACs that a local cut would leave, so that at equal targets all cost the same.
    """

    scope: Scope = "local"
    most: float = 0.9  # share of any group that may go
    caps: Mapping[str, float] = field(default_factory=dict)  # the same for layers of which a pattern tells the names
    ignore: tuple[str, ...] = ()  # patterns of names of layers that keep their channels

    def bound(self, group: Group) -> float:
        """Share of this group that may go: what its most sensitive layer bears."""
        named = [
            cap for pattern, cap in self.caps.items() if any(fnmatchcase(name, pattern) for name in group.makers())
        ]
        return min([self.most, *named])


def cut(
    model: Model,
    lab: Lab,
    target: float | Target,
    by: Importance | None = None,
    rules: Rules = Rules(),
    *,
    scored: bool = True,
) -> Model:
    """A copy of `model` that has lost what `target` says (a number is a share of all channels), lowest scores first.

    Where it is not `scored`, no weight is looked at: the first channels of each group stay, as many as of a local cut.
    One that would leave everything as it is, because steps are too coarse, is a Failure.
    """
    target = target if isinstance(target, Target) else Target(target)
    smaller = trim(model, lab, target, by, rules, scored=scored)
    groups = SHARED.anatomy(model).groups
    coarse = any(group.width * group.each > lab.round_to for group in groups)
    if target.share > 0 and coarse and weights(smaller.net) == weights(model.net):
        widths = sorted({group.width * group.each for group in groups})
        text = f"{target} cuts nothing: widths {widths} in steps of {lab.round_to} are too coarse for it"
        raise Failure("no_effect", text)
    return smaller


def trim(
    model: Model,
    lab: Lab,
    target: Target,
    by: Importance | None,
    rules: Rules,
    *,
    scored: bool = True,
    whole: Model | None = None,
) -> Model:
    """As `cut`, and there may be nothing to do. The target is a share of the `whole` model, or of this one."""
    model.refuse_on_grids("prune")
    anatomy = SHARED.anatomy(model)
    smaller = model.copy()
    parameters = dict(smaller.net.named_parameters())
    groups = [group for group in anatomy.groups if _free(parameters, group, by, rules.ignore)]
    if not groups:
        judge = f" that {type(by).__name__} can judge" if by is not None else ""
        raise Failure("unsupported", f"there are no channels to cut{judge}; {len(anatomy.groups)} groups were found")
    known = scores(smaller.net, groups, by, lab) if by is not None and scored else None
    widths = _widths(smaller.net, groups, known, target, rules, lab.round_to, whole or model)
    keep = {group.root: _best(group, known, widths[group.root]) for group in groups}
    before = weights(smaller.net)
    remove(smaller.net, anatomy, keep)
    SHARED.remember(smaller, anatomy.without(keep))
    _check(smaller, before, any(widths[group.root] < group.width for group in groups))
    return smaller


def weights(net: nn.Module) -> int:
    """Weights of convolutions and matrices. One less is at least one multiplication less."""
    return sum(p.numel() for p in net.parameters() if p.ndim > 1)


def _widths(
    net: nn.Module,
    groups: Sequence[Group],
    known: Mapping[str, Tensor] | None,
    target: Target,
    rules: Rules,
    round_to: int,
    whole: Model,
) -> Widths:
    """Of each group, how many channels stay."""
    had = {group.root: group.width for group in SHARED.anatomy(whole).groups}

    bounds = {group.root: rules.bound(group) for group in groups}

    def local(ratio: float) -> dict[str, int]:
        return locally(groups, had, ratio, bounds, round_to)

    if target.of == "channels" and (known is None or rules.scope == "local"):
        return local(target.share)
    price = _price(whole, "params" if target.of == "params" else "macs")
    shapes = _shapes(net)

    def cost(widths: Widths) -> int:
        return price(sizes(groups, shapes, widths))

    if target.of == "channels":
        wanted: float = cost(local(target.share))
    else:
        wanted = (1 - target.share) * price(sizes((), _shapes(whole.net), {}))
    if known is None or rules.scope == "local":
        return reach(wanted, cost, local)
    pools = _pools(net, groups) if rules.scope == "isomorphic" else [groups]
    return reach(wanted, cost, lambda ratio: across(pools, known, had, ratio, bounds, round_to))


def _price(model: Model, of: str) -> Callable[[Mapping[str, int]], int]:
    """What a network costs whose parameters have these sizes, if it is this model, or what cuts have left of it."""
    if of == "params":
        return lambda sizes: sum(sizes.values())
    return uses(model.net, model.inputs).macs


def _shapes(net: nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in net.named_parameters()}


def _pools(net: nn.Module, groups: Sequence[Group]) -> list[list[Group]]:
    """Groups that run through the same kinds of layers in the same ways."""
    pools: defaultdict[tuple[tuple[str, ...], ...], list[Group]] = defaultdict(list)
    for group in groups:
        places = [(*part.tensor.rpartition(".")[::2], part.role) for part in group.parts]
        build = sorted((type(net.get_submodule(layer)).__name__, tensor, role) for layer, tensor, role in places)
        pools[tuple(build)].append(group)
    return list(pools.values())


def _best(group: Group, known: Mapping[str, Tensor] | None, many: int) -> list[int]:
    """The channels of the highest scores, in their old order."""
    if known is None:
        return list(range(many))
    return sorted(known[group.root].argsort(descending=True, stable=True)[:many].tolist())


def _free(parameters: Mapping[str, nn.Parameter], group: Group, by: Importance | None, ignore: Sequence[str]) -> bool:
    """Whether channels of this group may go."""
    if any(fnmatchcase(maker, pattern) for maker in group.makers() for pattern in ignore):
        return False
    return by is None or by.judges(slices(parameters, group, {}))


def _check(model: Model, before: int, narrower: bool) -> None:
    """After a cut: fewer multiplications, a forward pass that works, all classes."""
    if narrower and weights(model.net) >= before:
        raise Failure("no_effect", "channels were cut, yet no weight went with them")
    with torch.inference_mode():
        logits = model.net.eval()(torch.ones(2, *model.inputs))
    if logits.shape != (2, model.classes) or not logits.isfinite().all():
        raise Failure("unsupported", f"after the cut the network answers {tuple(logits.shape)}, not finite classes")
