"""Most candidates get a part of their training, the promising ones all of it; small and quick is promising too."""

from collections.abc import Collection, Mapping
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autocompress.search.schedules.base import Costs, Schedule
from autocompress.values.hypervolume import Points, nondominated


class Halving(Schedule):
    """Successive halving for several objectives, asynchronous (after Schmucker et al. 2021, arXiv:2106.12639).

    At a rung a trial goes on if nobody beats it there in accuracy so far and in what it will cost on the device, or if
    it is in the best 1/eta: by how many layers of others lie before it, then by how far it is from those before it.
    """

    eta: Annotated[int, Field(ge=2)] = 3  # one in so many goes on
    first: Annotated[float, Field(gt=0, lt=1)] = 1 / 3  # share of the training before the first look
    again: bool = True  # who was stopped goes on after all, once enough worse ones have come

    def rungs(self) -> tuple[float, ...]:
        at, found = self.first, []
        while at < 0.99:
            found.append(round(at, 6))
            at *= self.eta
        return tuple(found)

    def keep(self, number: int, seen: Mapping[int, Costs]) -> bool:
        numbers, points = list(seen), np.array(list(seen.values()), dtype=float)
        layer = layers(points)
        place = numbers.index(number)
        return bool(layer[place] == 0) or place in order(points, layer)[: self._many(seen)]

    def promoted(self, stopped: Collection[int], seen: Mapping[int, Costs]) -> int | None:
        if not self.again or not stopped:
            return None
        numbers, points = list(seen), np.array(list(seen.values()), dtype=float)
        best = order(points, layers(points))[: self._many(seen)]
        return next((numbers[place] for place in best if numbers[place] in stopped), None)

    def _many(self, seen: Mapping[int, Costs]) -> int:
        return max(1, len(seen) // self.eta)


def layers(points: Points) -> NDArray[np.int_]:
    """0 for those nobody beats, 1 for those only they beat, and so on."""
    layer = np.full(len(points), -1)
    depth = 0
    while (rest := np.flatnonzero(layer < 0)).size:
        layer[rest[nondominated(points[rest])]] = depth
        depth += 1
    return layer


def order(points: Points, layer: NDArray[np.int_]) -> list[int]:
    """Layer by layer; inside a layer the extremes first, then always the one farthest from those before it."""
    span = np.ptp(points, axis=0)
    scaled = (points - points.min(axis=0)) / np.where(span > 0, span, 1.0)
    found: list[int] = []
    for depth in range(int(layer.max()) + 1):
        found += _farthest_first(scaled, np.flatnonzero(layer == depth))
    return found


def _farthest_first(points: Points, members: NDArray[np.int_]) -> list[int]:
    """Begins with the best in the first objective (Salinas et al. 2021, a net over the layer)."""
    taken = [int(min(members, key=lambda i: (*points[i], i)))]
    gap = np.linalg.norm(points[members] - points[taken[0]], axis=1)
    gap[members == taken[0]] = -1.0
    while (gap >= 0).any():
        far = int(np.argmax(gap))
        taken.append(int(members[far]))
        gap = np.where(gap < 0, gap, np.linalg.norm(points[members] - points[taken[-1]], axis=1).clip(max=gap))
        gap[far] = -1.0
    return taken
