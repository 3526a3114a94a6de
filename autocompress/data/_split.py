"""Cut examples into two heaps, each with the same share of every class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autocompress.data._photos import Photos
from autocompress.data.base import Labels, Split

Places = NDArray[np.intp]


def stratified(y: Labels, share: float, seed: int) -> tuple[Places, Places]:
    """Positions kept and positions cut off, both shuffled. A class with two or more examples is in both."""
    random = np.random.default_rng(seed)
    cut: list[Places] = []
    for label in np.unique(y):
        members = random.permutation(np.flatnonzero(y == label))
        many = round(len(members) * share)
        cut.append(members[: min(max(many, 1), len(members) - 1)])
    off = np.concatenate(cut)
    return random.permutation(np.setdiff1d(np.arange(len(y)), off)), random.permutation(off)


def by_film(y: Labels, films: Sequence[str], share: float, seed: int) -> tuple[Places, Places]:
    """The same, but all frames of a film stay on one side: they are too much alike to test each other."""
    _, first, film = np.unique(films, return_index=True, return_inverse=True)
    kept, cut = stratified(y[first], share, seed)
    random = np.random.default_rng(seed)
    frames = [random.permutation(np.flatnonzero(np.isin(film, some))) for some in (kept, cut)]
    return frames[0], frames[1]


def train_and_val(
    train: Split, val: Split | None, share: float, seed: int, films: Sequence[str] | None = None
) -> tuple[Split, Split]:
    """Shuffled training examples, and validation examples: those given, else a share of the training examples."""
    if val is not None:
        return picked(train, np.random.default_rng(seed).permutation(len(train))), val
    kept, cut = by_film(train.y, films, share, seed) if films else stratified(train.y, share, seed)
    if not len(cut):
        raise ValueError("no class has two training images, so none can be cut off for validation")
    return picked(train, kept), picked(train, cut)


def picked(split: Split, places: Places) -> Split:
    if isinstance(split.x, np.ndarray):
        return Split(split.x[places], split.y[places])
    assert isinstance(split.x, Photos), "our own sources make arrays or photos"
    return Split(split.x.only(places), split.y[places])
