"""How sure a place on the front is: what becomes of it when every number is drawn again from its own spread."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from autocompress.values.front import Front
from autocompress.values.hypervolume import nondominated
from autocompress.values.limit import Objective
from autocompress.values.trial import Trial

Standing = Literal["on the front", "within noise", "beaten"]
DRAWS = 1000
MAYBE = 0.1  # who is not beaten in so many of the draws is within noise of the front
SURE = 0.5  # a member that is beaten in more than half of the draws is only within noise of it


def shares(trials: Sequence[Trial], objectives: Sequence[Objective], draws: int = DRAWS) -> dict[int, float]:
    """Trial -> the share of draws in which nobody beats it; each number is normal around its value."""
    if not trials:
        return {}
    found = [[t.measured(o.metric) for o in objectives] for t in trials]
    values = np.array([[m.value if m else np.nan for m in row] for row in found])
    spreads = np.array([[(m.spread or 0.0) if m else 0.0 for m in row] for row in found])
    signs = np.array([1.0 if o.direction == "minimize" else -1.0 for o in objectives])
    rng = np.random.default_rng(0)
    wins = np.zeros(len(trials))
    for _ in range(draws):
        wins += nondominated((values + spreads * rng.standard_normal(values.shape)) * signs)
    return {t.number: float(won / draws) for t, won in zip(trials, wins, strict=True)}


def standings(front: Front, near: Sequence[Trial], certain: Mapping[int, float]) -> dict[int, Standing]:
    """Of the front's members and of those near it; whoever is not named here is beaten."""
    members = {t.number for t in front.members}
    found: dict[int, Standing] = {}
    for t in (*front.members, *near):
        share = certain.get(t.number, 0.0)
        if t.number in members:
            found[t.number] = "on the front" if share >= SURE else "within noise"
        elif share >= MAYBE:
            found[t.number] = "within noise"
    return found


def contenders(front: Front, trials: Sequence[Trial], errors: float = 4.0) -> list[Trial]:
    """Fitting trials that could be on the front: no member beats them by more than so many standard errors in all."""
    members = {t.number for t in front.members}
    keys = {t.recipe.key for t in front.members}
    others = [t for t in trials if t.feasible and t.number not in members and t.recipe.key not in keys]
    return [t for t in others if not any(_clearly(m, t, front.objectives, errors) for m in front.members)]


def _clearly(a: Trial, b: Trial, objectives: Sequence[Objective], errors: float) -> bool:
    """Whether `a` beats `b` in every objective even if both are off by so many standard errors."""
    for o in objectives:
        x, y = a.measured(o.metric), b.measured(o.metric)
        if x is None or y is None:
            return False
        noise = errors * float(np.hypot(x.spread or 0.0, y.spread or 0.0))
        if o.signed(x.value) > o.signed(y.value) - noise:
            return False
    return True
