"""How good the exported file is: what its runtime answers, against the labels."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from autocompress.measure.runtimes.base import Session
from autocompress.values.measurement import Measurement

BINS = 15  # of confidence

Logits = NDArray[np.float32]  # N, classes
Labels = NDArray[np.int64]


def answers(session: Session, batches: Iterable[NDArray[np.float32]]) -> Logits:
    """Logits of all examples."""
    return np.concatenate([session(x) for x in batches])


def scores(logits: Logits, y: Labels, on: str) -> tuple[Measurement, ...]:
    """accuracy, top5 where it says something, nll and ece. `on` says whose answers, to which images."""
    many = logits.shape[1] > 5
    return (accuracy(logits, y, on), *([top5(logits, y, on)] if many else []), nll(logits, y, on), ece(logits, y, on))


def accuracy(logits: Logits, y: Labels, on: str) -> Measurement:
    """Share of right answers."""
    return _share("accuracy", logits.argmax(1) == y, on)


def top5(logits: Logits, y: Labels, on: str) -> Measurement:
    """Share of labels among the five likeliest classes. Of classes that tie with the label, all count as likelier."""
    if logits.shape[1] <= 5:
        raise ValueError(f"of {logits.shape[1]} classes, the label is always among the first five")
    own = logits[np.arange(len(y)), y]
    return _share("top5", (logits >= own[:, None]).sum(1) <= 5, on)


def nll(logits: Logits, y: Labels, on: str) -> Measurement:
    """Mean of -log(probability of the label), in nats: what cross-entropy would be. The spread is that of a mean."""
    lost = -log_softmax(logits)[np.arange(len(y)), y]
    return Measurement(metric="nll", value=float(lost.mean()), how="measured", on=on, spread=_error(lost), n=len(y))


def ece(logits: Logits, y: Labels, on: str) -> Measurement:
    """Expected calibration error, 15 bins of equal width (Guo et al. 2017, arXiv 1706.04599).

    In each bin the mean gap between confidence and accuracy counts by its size, so the whole is a mean of gaps with the
    signs of their bins. The spread is that of this mean, the signs taken as known: right unless ECE is nearly 0, where
    chance alone keeps it above.
    """
    log = log_softmax(logits)
    confidence = np.exp(log.max(1))
    gaps = (logits.argmax(1) == y) - confidence
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    signed = gaps * np.sign(np.bincount(bins, gaps, BINS))[bins]
    value = float(abs(signed.mean()))  # never below 0; a rounding could leave -0
    return Measurement(
        metric="ece", value=value, how="measured", on=on, spread=_error(signed), n=len(y), note=f"{BINS} bins"
    )


class PerClass(TypedDict):
    """One entry per class in each list; goes into a JSON file as it is."""

    classes: list[str]
    right: list[int]
    n: list[int]
    spread: list[float | None]  # standard error of right / n; None where there was no example


def per_class(logits: Logits, y: Labels, names: Sequence[str]) -> PerClass:
    """Right answers, class by class: a mean over all hides the one that a pruned network has given up."""
    n = np.bincount(y, minlength=len(names))
    right = np.bincount(y[logits.argmax(1) == y], minlength=len(names))
    spread = [_coin(int(r) / int(k), int(k)) if k else None for r, k in zip(right, n, strict=True)]
    return PerClass(classes=list(names), right=right.tolist(), n=n.tolist(), spread=spread)


def _share(metric: str, right: NDArray[np.bool_], on: str) -> Measurement:
    share, n = float(right.mean()), len(right)
    return Measurement(metric=metric, value=share, how="measured", on=on, spread=_coin(share, n), n=n)


def _coin(share: float, n: int) -> float:
    """Standard error of as many throws of a coin, never below that of half a mistake: a file that made none on n images
    is not known to make none."""
    return float((max(share * (1 - share), 0.5 / n * (1 - 0.5 / n)) / n) ** 0.5)


def _error(each: NDArray[np.float64]) -> float | None:
    """Standard error of a mean."""
    return float(each.std(ddof=1) / len(each) ** 0.5) if len(each) > 1 else None


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """Any logits that are finite have one that is."""
    moved = logits.astype(np.float64) - logits.max(1, keepdims=True)
    log: NDArray[np.float64] = moved - np.log(np.exp(moved).sum(1, keepdims=True))
    return log
