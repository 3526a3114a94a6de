"""Cut examples into two heaps, each with the same share of every class."""

import numpy as np
from numpy.typing import NDArray

from autocompress.data.base import Labels


def stratified(y: Labels, share: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions kept and positions cut off, both shuffled. A class with two or more examples is in both."""
    random = np.random.default_rng(seed)
    cut: list[NDArray[np.intp]] = []
    for label in np.unique(y):
        members = random.permutation(np.flatnonzero(y == label))
        many = round(len(members) * share)
        cut.append(members[: min(max(many, 1), len(members) - 1)])
    off = np.concatenate(cut)
    return random.permutation(np.setdiff1d(np.arange(len(y)), off)), random.permutation(off)
