"""Is a model as often right as it is sure? Its confidence, bin by bin, beside its accuracy there."""

from typing import NamedTuple

import numpy as np

from autocompress.measure.accuracy import BINS, Labels, Logits, log_softmax


class Bin(NamedTuple):
    """Of equal width. An empty one has no means."""

    n: int
    confidence: float | None
    accuracy: float | None


def reliability(logits: Logits, y: Labels) -> tuple[Bin, ...]:
    """The bins that the expected calibration error is made of (Guo et al. 2017, arXiv 1706.04599)."""
    confidence = np.exp(log_softmax(logits).max(1))
    right = logits.argmax(1) == y
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    n, sure, hits = (np.bincount(place, weights, BINS) for weights in (None, confidence, right))
    return tuple(
        Bin(int(k), float(s / k), float(h / k)) if k else Bin(0, None, None)
        for k, s, h in zip(n, sure, hits, strict=True)
    )
