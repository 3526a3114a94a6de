"""How large a front is, and between which bounds that lies if its numbers are as uncertain as they say."""

from dataclasses import dataclass

import numpy as np

from autocompress.values.front import Front, costs
from autocompress.values.hypervolume import Points, hypervolume
from autocompress.values.limit import Objective
from autocompress.values.trial import Trial

DRAWS = 200


@dataclass(frozen=True)
class Volume:
    """A hypervolume with its 95 % interval."""

    value: float
    low: float
    high: float


def shaken(front: Front, point: Points, seed: int = 0) -> Volume:
    """Every number is drawn again, from a normal distribution as wide as its standard error.

    Draws are larger than the value on average (of equals the luckiest counts), so only how far they lie apart is used.
    A front's own luck is not taken out: for that its members have to be trained again.
    """
    if not front.members:
        return Volume(0.0, 0.0, 0.0)
    points = costs(front.members, front.objectives)
    noise = np.array([[_noise(t, o) for o in front.objectives] for t in front.members])
    rng, value = np.random.default_rng(seed), hypervolume(points, point)
    if not noise.any():
        return Volume(value, value, value)
    drawn = [hypervolume(points + noise * rng.standard_normal(points.shape), point) for _ in range(DRAWS)]
    low, middle, high = np.quantile(drawn, [0.025, 0.5, 0.975])
    return Volume(value, max(value + float(low - middle), 0.0), value + float(high - middle))


def _noise(trial: Trial, objective: Objective) -> float:
    """One standard error on the scale of the costs."""
    found = trial.measured(objective.metric)
    if found is None or not found.spread:
        return 0.0
    return abs(objective.cost(found.value + found.spread) - objective.cost(found.value))
