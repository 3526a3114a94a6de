"""What a file says to the test split: right or wrong, for what it takes what, how sure it is, and what has changed."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autocompress.measure.accuracy import accuracy, ece
from autocompress.measure.calibration import reliability
from autocompress.measure.divergence import divergence
from autocompress.study.examining.running import Ran, as_mean, mean
from autocompress.values.examination import Answers, Bin, Calibration, Changes, Class

CLASSES = 100  # more are not shown
LONGEST = 40  # letters of a class's name
PAIRS = 400  # of classes that are taken for each other: all that 20 classes can have
FEW = 8  # images that are named


def answers(run: Ran, base: Ran | None) -> Answers:
    """Of the file; beside it, class by class, the baseline's."""
    names = run.data.classes
    n = np.bincount(run.y, minlength=len(names))
    right = np.bincount(run.y[run.said == run.y], minlength=len(names))
    before = None if base is None else np.bincount(base.y[base.said == base.y], minlength=len(names))
    shown = _shown(right, n if before is None else before)
    classes = tuple(
        Class(
            name=names[c] if len(names[c]) <= LONGEST else f"{names[c][: LONGEST - 1]}…",
            n=int(n[c]),
            right=int(right[c]),
            baseline_right=None if before is None else int(before[c]),
        )
        for c in shown
    )
    pairs, more = _mixed_up(run, shown)
    bins = tuple(Bin(**each._asdict()) for each in reliability(run.logits, run.y))
    calibration = Calibration(
        error=as_mean(ece(run.logits, run.y, run.on)),
        bins=bins,
        baseline_error=as_mean(ece(base.logits, base.y, base.on)) if base else None,
    )
    return Answers(
        accuracy=run.accuracy,
        classes=classes,
        more_classes=len(names) - len(shown),
        mixed_up=pairs,
        more_mixed_up=more,
        calibration=calibration,
    )


def changes(run: Ran, base: Ran) -> Changes:
    """What became of each image, and how far the probabilities are apart."""
    was, now, y = base.said, run.said, run.y
    lost, gained = (was == y) & (now != y), (was != y) & (now == y)
    other = (was != y) & (now != y) & (was != now)
    return Changes(
        both_right=int(((was == y) & (now == y)).sum()),
        lost=int(lost.sum()),
        gained=int(gained.sum()),
        same_mistake=int(((was == now) & (now != y)).sum()),
        other_mistake=int(other.sum()),
        lost_images=_first(lost),
        gained_images=_first(gained),
        other_images=_first(other),
        agreement=as_mean(accuracy(run.logits, was, run.on)),
        divergence=mean(divergence(base.logits, run.logits)),
    )


def _shown(right: NDArray[np.intp], before: NDArray[np.intp]) -> list[int]:
    """All classes, or those that lost most, in the order of the classes."""
    lost = before - right
    return sorted(sorted(range(len(lost)), key=lambda c: (-lost[c], c))[:CLASSES])


def _mixed_up(run: Ran, shown: Sequence[int]) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """Pairs of shown classes, the frequent first; and how many wrong answers are left out."""
    place = {c: i for i, c in enumerate(shown)}
    wrong = run.said != run.y
    pairs = Counter(zip(run.y[wrong].tolist(), run.said[wrong].tolist(), strict=True))
    known = [(place[t], place[a], often) for (t, a), often in pairs.items() if t in place and a in place]
    kept = sorted(known, key=lambda pair: (-pair[2], *pair[:2]))[:PAIRS]
    return tuple(kept), int(wrong.sum()) - sum(often for *_, often in kept)


def _first(where: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(where)[:FEW].tolist())
