"""How sure a place on the front is: what becomes of it when every number is drawn again from its own spread."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from autocompress.values.front import Front, noisy
from autocompress.values.hypervolume import nondominated
from autocompress.values.limit import Objective
from autocompress.values.trial import Trial

Standing = Literal["on the front", "within noise", "beaten"]
DRAWS = 1000
MAYBE = 0.1  # who is not beaten in so many of the draws is within noise of the front
CLEAR = 4.0  # standard errors
MOST = 150  # contenders; those behind them would hardly ever get there
SURE = 0.5  # a member that is beaten in more than half of the draws is only within noise of it


def shares(trials: Sequence[Trial], objectives: Sequence[Objective], draws: int = DRAWS) -> dict[int, float]:
    """Trial -> the share of draws in which nobody beats it; each number is normal around its value."""
    if not trials:
        return {}
    values, spreads = noisy(trials, objectives)
    rng = np.random.default_rng(0)
    wins = np.zeros(len(trials))
    for _ in range(draws):
        wins += nondominated(values + spreads * rng.standard_normal(values.shape))
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


def contenders(front: Front, trials: Sequence[Trial]) -> list[Trial]:
    """Fitting trials that noise could carry to the front: those that no member clearly beats, the nearest MOST."""
    members = {t.number for t in front.members}
    keys = {t.recipe.key for t in front.members}
    names = [o.metric for o in front.objectives]
    others = [t for t in trials if t.number not in members and t.feasible and t.recipe.key not in keys]
    others = [t for t in others if all(t.measured(name) for name in names)]
    if not others or not front.members:
        return []
    values, spreads = noisy(others, front.objectives)
    far = np.full(len(others), -np.inf)  # standard errors by which the clearest of the members is ahead everywhere
    for value, spread in zip(*noisy(front.members, front.objectives), strict=True):
        ahead, noise = values - value, np.hypot(spreads, spread)
        errors = np.where(noise > 0, ahead / np.where(noise > 0, noise, 1.0), np.where(ahead >= 0, np.inf, -np.inf))
        far = np.maximum(far, errors.min(axis=1))
    nearest = [i for i in np.argsort(far, kind="stable") if far[i] < CLEAR][:MOST]
    return [others[i] for i in sorted(nearest)]
