"""How far one model's answers are from another's: Kullback-Leibler (Kullback and Leibler 1951)."""

import numpy as np
from numpy.typing import NDArray

from autocompress.measure.accuracy import Logits, log_softmax


def divergence(known: Logits, found: Logits) -> NDArray[np.float64]:
    """Of each image, in nats: what is lost by who takes `found` for `known`. 0 where both are equal."""
    right, seen = log_softmax(known), log_softmax(found)
    each: NDArray[np.float64] = (np.exp(right) * (right - seen)).sum(1)
    return np.maximum(each, 0.0)  # a rounding could leave less
