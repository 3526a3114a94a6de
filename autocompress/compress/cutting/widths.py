"""How many channels of each group stay: by a share of them, or by what the network may still cost."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from autocompress.compress.cutting.anatomy import Group
from autocompress.errors import Failure

Widths = Mapping[str, int]  # by the root of a group
HALVINGS = 30  # of the interval from 0 to 1: finer than any network
NEAR = 1.1  # times what is wanted: a network that cannot get that small is refused


class Target(NamedTuple):
    """What shall go: a share of the channels of every group, or as many of any as it takes to lose that share."""

    share: float
    of: Literal["channels", "macs", "params"] = "channels"

    def __str__(self) -> str:
        return f"{'ratio' if self.of == 'channels' else self.of} {self.share:g}"


def kept(width: int, ratio: float, step: int) -> int:
    """How many of `width` channels stay: of `width` and the multiples of `step`, the nearest to what is asked."""
    return nearest(width, width * (1 - ratio), step)


def nearest(width: int, wanted: float, step: int) -> int:
    options = [*range(step, width, step), width]
    best: int = min(options, key=lambda option: (abs(option - wanted), -option))
    return best


def step(group: Group, round_to: int) -> int:
    """In channels of the group, of which each may stand for several."""
    return round_to // math.gcd(round_to, group.each)


def locally(
    groups: Sequence[Group], whole: Widths, ratio: float, bounds: Mapping[str, float], round_to: int
) -> dict[str, int]:
    """Each group loses the same share of the channels it had in the `whole` network, but not beyond its bound."""
    shares = {group.root: min(ratio, bounds[group.root]) for group in groups}
    return {g.root: min(g.width, kept(whole[g.root], shares[g.root], step(g, round_to))) for g in groups}


def across(
    pools: Sequence[Sequence[Group]],
    scores: Mapping[str, Tensor],
    whole: Widths,
    ratio: float,
    bounds: Mapping[str, float],
    round_to: int,
) -> dict[str, int]:
    """Each pool loses the same share of its channels, the lowest scores first, whichever groups they are in.

    But no group more of what it had than its bound.
    """
    widths = {}
    for pool in pools:
        owner = torch.repeat_interleave(torch.tensor([group.width for group in pool]))
        order = torch.cat([scores[group.root] for group in pool]).argsort(stable=True)
        gone = torch.bincount(owner[order[: round(ratio * len(order))]], minlength=len(pool)).tolist()
        for group, many in zip(pool, gone, strict=True):
            wanted = max(group.width - many, whole[group.root] * (1 - bounds[group.root]))
            widths[group.root] = nearest(group.width, wanted, step(group, round_to))
    return widths


def reach(wanted: float, cost: Callable[[Widths], int], widths: Callable[[float], dict[str, int]]) -> dict[str, int]:
    """Of all `widths(ratio)`, those whose cost is the nearest to what is wanted. More ratio must not cost more."""
    low, high = 0.0, 1.0
    least = cost(widths(high))
    if least > NEAR * wanted:
        raise Failure("unsupported", f"a cut cannot leave {wanted:,.0f}: with all that may go gone, {least:,} are left")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if cost(widths(middle)) > wanted else (low, middle)
    return min(widths(high), widths(low), key=lambda found: abs(cost(found) - wanted))
