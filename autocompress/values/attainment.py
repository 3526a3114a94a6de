"""Which goals a search reaches in how many of its runs, and where two searches differ most. Two objectives.

Grunert da Fonseca, Fonseca and Hall (2001), doi:10.1007/3-540-44719-9_15; Lopez-Ibanez, Paquete and Stuetzle (2010),
doi:10.1007/978-3-642-02538-9_9.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.values.front import Front
from autocompress.values.hypervolume import Points, nondominated
from autocompress.values.limit import Objective

RUNS = 3  # with fewer, how often a goal is reached says nothing

Goal = tuple[float, ...]  # a value for each objective


@dataclass(frozen=True)
class Lead:
    """A goal that one search reaches more often than the other: in so many of its runs, and in so many of theirs."""

    goal: Goal
    ours: int
    theirs: int


def median(runs: Sequence[Front], objectives: Sequence[Objective]) -> tuple[Goal, ...]:
    """The hardest goals that at least half of the runs reach, best first by the first objective."""
    every = _points(runs, objectives)
    xs, ys = _grid(every)
    often = 2 * _reached(every, xs, ys) >= len(runs)
    corners = np.array([(xs[i], ys[j]) for i, j in np.argwhere(often)]).reshape(-1, 2)
    first, second = objectives[:2]
    return tuple((first.signed(x), second.signed(y)) for x, y in corners[nondominated(corners)].tolist())


def lead(
    ours: Sequence[Front], theirs: Sequence[Front], objectives: Sequence[Objective], reference: Points
) -> Lead | None:
    """Where ours are furthest ahead of theirs, if they are anywhere on the good side of the reference.

    Of several such places the widest, on the scale of the costs; its hardest goal stands for it.
    """
    a, b = _points(ours, objectives), _points(theirs, objectives)
    xs, ys = _grid(a + b)
    we, they = _reached(a, xs, ys), _reached(b, xs, ys)
    ahead = we / len(ours) - they / len(theirs)
    wide = np.outer(_widths(xs, objectives[0], reference[0]), _widths(ys, objectives[1], reference[1]))
    ahead = np.where(wide > 0, ahead, 0.0)
    if ahead.size == 0 or ahead.max() <= 0:
        return None
    i, j = max(np.argwhere(ahead >= ahead.max() - 1e-9).tolist(), key=lambda ij: wide[ij[0], ij[1]])
    goal = (objectives[0].signed(float(xs[i])), objectives[1].signed(float(ys[j])))
    return Lead(goal, int(we[i, j]), int(they[i, j]))


def _points(runs: Sequence[Front], objectives: Sequence[Objective]) -> list[Points]:
    """One row per member, to be minimised, in their own units."""
    return [
        np.array([[o.signed(t.value(o.metric)) for o in objectives[:2]] for t in f.members]).reshape(-1, 2)
        for f in runs
    ]


def _grid(every: Sequence[Points]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between these lines nothing changes."""
    points = np.concatenate(every)
    return np.unique(points[:, 0]), np.unique(points[:, 1])


def _reached(every: Sequence[Points], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.int64]:
    """At each crossing: how many runs have a model that is no worse."""
    counted = np.zeros((len(xs), len(ys)), dtype=np.int64)
    for points in every:
        hit = np.zeros((len(xs), len(ys)), dtype=bool)
        hit[np.searchsorted(xs, points[:, 0]), np.searchsorted(ys, points[:, 1])] = True
        counted += np.logical_or.accumulate(np.logical_or.accumulate(hit, axis=0), axis=1)
    return counted


def _widths(lines: NDArray[np.float64], objective: Objective, end: float) -> NDArray[np.float64]:
    """From each line to the next, on the scale of the costs; nothing counts beyond the reference."""
    at = [min(objective.cost(objective.signed(x)), end) for x in lines.tolist()]
    return np.diff([*at, end])
