"""Accuracy of the exported file: what its runtime answers, against the labels."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from autocompress.measure.runtimes.base import Session
from autocompress.values.measurement import Measurement


def answers(session: Session, batches: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Logits of all examples."""
    return np.concatenate([session(x) for x in batches])


def accuracy(logits: NDArray[np.float32], y: NDArray[np.int64], on: str) -> Measurement:
    """Share of right answers. The spread is that of as many throws of a coin, never below that of half a mistake:
    a file that made none on n images is not known to make none. `on` says whose answers, to which images."""
    n = len(y)
    right = float((logits.argmax(1) == y).mean())
    wrong = max(right * (1 - right), 0.5 / n * (1 - 0.5 / n))
    return Measurement(metric="accuracy", value=right, how="measured", on=on, spread=(wrong / n) ** 0.5, n=n)
