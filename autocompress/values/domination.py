"""Which models beat which, and where noise could have done it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autocompress.values.hypervolume import Points
from autocompress.values.limit import Objective
from autocompress.values.trial import Trial

SURE = 1.96  # standard errors of a difference: its 95 % interval excludes zero
NOT, MAYBE, SURELY = 0, 1, 2


def beaten(ours: Sequence[Trial], theirs: Sequence[Trial], objectives: Sequence[Objective]) -> NDArray[np.int64]:
    """One row for each of ours, one column for each of theirs: NOT, MAYBE or SURELY beaten by it.

    Beaten is who is better in nothing and worse in something; surely, if noise could not turn any of the differences.
    """
    a, noise_a = _numbers(ours, objectives)
    b, noise_b = _numbers(theirs, objectives)
    worse = a[:, None, :] - b[None, :, :]
    noise = np.hypot(noise_a[:, None, :], noise_b[None, :, :])
    loses = (worse >= 0).all(axis=2) & (worse > 0).any(axis=2)
    surely = loses & ((worse > SURE * noise) | (noise == 0)).all(axis=2)
    return np.where(surely, SURELY, np.where(loses, MAYBE, NOT))


def _numbers(trials: Sequence[Trial], objectives: Sequence[Objective]) -> tuple[Points, Points]:
    """Values to be minimised, in their own units, and their standard errors."""
    shape = (len(trials), len(objectives))
    found = [[t.measured(o.metric) for o in objectives] for t in trials]
    assert all(m is not None for row in found for m in row), "a front has all its objectives"
    values = [[o.signed(m.value) for o, m in zip(objectives, row, strict=True) if m] for row in found]
    spreads = [[m.spread or 0.0 for m in row if m] for row in found]
    return np.array(values, dtype=float).reshape(shape), np.array(spreads, dtype=float).reshape(shape)
