"""Which models beat which, and where noise could have done it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autocompress.values.front import noisy
from autocompress.values.limit import Objective
from autocompress.values.trial import Trial

SURE = 1.96  # standard errors of a difference: its 95 % interval excludes zero
NOT, MAYBE, SURELY = 0, 1, 2


def beaten(ours: Sequence[Trial], theirs: Sequence[Trial], objectives: Sequence[Objective]) -> NDArray[np.int64]:
    """One row for each of ours, one column for each of theirs: NOT, MAYBE or SURELY beaten by it.

    Beaten is who is better in nothing and worse in something; surely, if noise could not turn any of the differences.
    """
    a, noise_a = noisy(ours, objectives)
    b, noise_b = noisy(theirs, objectives)
    worse = a[:, None, :] - b[None, :, :]
    noise = np.hypot(noise_a[:, None, :], noise_b[None, :, :])
    loses = (worse >= 0).all(axis=2) & (worse > 0).any(axis=2)
    surely = loses & ((worse > SURE * noise) | (noise == 0)).all(axis=2)
    return np.where(surely, SURELY, np.where(loses, MAYBE, NOT))
