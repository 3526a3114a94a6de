"""How the front grew: hypervolume after so many trials and so many seconds of devices, one point for each rise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autocompress.values.front import costs
from autocompress.values.hypervolume import Points, hypervolume
from autocompress.values.limit import Objective
from autocompress.values.trial import Trial

LOOKS = 400  # a curve of more points looks no different


@dataclass(frozen=True)
class Stand:
    """After `trials` ended trials and `seconds` of all devices together."""

    trials: int
    seconds: float
    volume: float


def growth(trials: Sequence[Trial], objectives: Sequence[Objective], point: Points) -> list[Stand]:
    """From nothing to the last trial, in the order in which they were asked for."""
    ended = [t for t in sorted(trials, key=lambda t: t.number) if t.state not in ("waiting", "running")]
    best: Points = np.empty((0, len(objectives)))
    stands, seconds, volume, pending = [Stand(0, 0.0, 0.0)], 0.0, 0.0, False
    stride = max(1, len(ended) // LOOKS)
    for i, t in enumerate(ended, start=1):
        seconds += t.seconds
        if t.feasible and t.fidelity == 1.0:
            row = costs([t], objectives)
            if not (best <= row).all(axis=1).any():
                best = np.vstack([best[~(row <= best).all(axis=1)], row])
                pending = True
        if pending and (i % stride == 0 or i == len(ended)):
            volume, pending = hypervolume(best, point), False
            stands.append(Stand(i, seconds, volume))
    if stands[-1].trials != len(ended):
        stands.append(Stand(len(ended), seconds, volume))
    return stands


def at_seconds(stands: Sequence[Stand], seconds: float) -> float:
    """The hypervolume that was there after so much time."""
    return max((s.volume for s in stands if s.seconds <= seconds), default=0.0)


def last_gain(stands: Sequence[Stand]) -> Stand:
    """Where it rose for the last time."""
    return next(s for i, s in reversed(list(enumerate(stands))) if i == 0 or s.volume > stands[i - 1].volume)
