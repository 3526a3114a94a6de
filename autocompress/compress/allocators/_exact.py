"""One option for each item so that together they do least harm and cost no more than a limit. Exactly, not nearly."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Option(NamedTuple):
    cost: float
    harm: float


def cheapest_harm(items: Sequence[Sequence[Option]], limit: float) -> list[int] | None:
    """The place of each item's option, or None if even the cheapest together cost too much.

    Item by item, of all sums so far only those are kept that no other beats in cost and in harm, and that can still
    become better than an answer known from the start. Both come from the Lagrangian: at a fixed price per cost each
    item chooses for itself, and no way to go on does less harm than that minus what the limit's cost is worth.
    """
    costs = [np.array([option.cost for option in item]) for item in items]
    harms = [np.array([option.harm for option in item]) for item in items]
    if sum(c.min() for c in costs) > limit:
        return None
    price = _price(costs, harms, limit)
    known = _chosen(costs, harms, price)
    most = sum(h[place] for h, place in zip(harms, known, strict=True))
    slack = 1e-9 * (1 + abs(most))
    rest_paid = [float((h + price * c).min()) for c, h in zip(costs, harms, strict=True)]
    rest_cost = [float(c.min()) for c in costs]
    cost, harm = np.zeros(1), np.zeros(1)
    trail: list[tuple[np.ndarray, np.ndarray]] = []  # for each sum: which it came from, by which option
    for i, (c, h) in enumerate(zip(costs, harms, strict=True)):
        all_cost, all_harm = (cost[:, None] + c).ravel(), (harm[:, None] + h).ravel()
        bound = all_harm + price * (all_cost - limit) + sum(rest_paid[i + 1 :])
        alive = np.flatnonzero((all_cost <= limit - sum(rest_cost[i + 1 :])) & (bound <= most + slack))
        order = alive[np.lexsort((all_harm[alive], all_cost[alive]))]
        least = np.minimum.accumulate(all_harm[order])
        better = order[np.concatenate([[True], all_harm[order][1:] < least[:-1]])]
        trail.append((better // len(c), better % len(c)))
        cost, harm = all_cost[better], all_harm[better]
    place, found = int(harm.argmin()), []
    for came_from, option in reversed(trail):
        found.append(int(option[place]))
        place = int(came_from[place])
    return found[::-1]


def _price(costs: list[np.ndarray], harms: list[np.ndarray], limit: float) -> float:
    """The lowest price at which choices, each made for itself, keep to the limit."""

    def total(price: float) -> float:
        places = _chosen(costs, harms, price)
        return float(sum(c[place] for c, place in zip(costs, places, strict=True)))

    if total(0.0) <= limit:
        return 0.0
    low, high = 0.0, 1.0
    while total(high) > limit:
        high *= 4
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) > limit else (low, middle)
    return high


def _chosen(costs: list[np.ndarray], harms: list[np.ndarray], price: float) -> list[int]:
    """Of options that are worth the same, the cheaper."""
    return [int(np.lexsort((c, h + price * c))[0]) for c, h in zip(costs, harms, strict=True)]
