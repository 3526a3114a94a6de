"""An exported file that was shown the whole test split, once: all that is said of its answers comes from here."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.data.base import Dataset, Images, loaded
from autocompress.measure.accuracy import Labels, Logits, accuracy, answers
from autocompress.measure.runtimes.base import Runtime, Session
from autocompress.plugin import make
from autocompress.values.examination import Mean
from autocompress.values.measurement import Measurement
from autocompress.values.study import StudySpec


@dataclass(frozen=True)
class Ran:
    """`data` is scaled as this file wants it."""

    data: Dataset
    session: Session
    on: str
    suffix: str
    logits: Logits

    @property
    def y(self) -> Labels:
        return self.data.test.y

    @property
    def said(self) -> Labels:
        """The class that it takes each image for."""
        found: Labels = self.logits.argmax(1)
        return found

    @property
    def accuracy(self) -> Measurement:
        return accuracy(self.logits, self.y, self.on)

    def of(self, x: Images) -> Logits:
        """Its answers to other images."""
        return self.session(self.data.prepared(x))


def ran(spec: StudySpec, file: Path, manifest: Path, papers: Path) -> Ran:
    """The manifest says how the file wants its pixels, its papers what runs it."""
    runs = json.loads(papers.read_text(encoding="utf-8"))
    runtime = make(Runtime, {"use": runs["use"], "threads": runs["threads"]})
    normalise = json.loads(manifest.read_text(encoding="utf-8"))["normalise"]
    data = replace(_data(spec.model_dump_json()), mean=tuple(normalise["mean"]), std=tuple(normalise["std"]))
    session = runtime.open(file)
    on = f"model{runtime.suffix}, {runtime.version}, test split"
    return Ran(data, session, on, runtime.suffix, answers(session, data.shown(data.test)))


def mean(each: NDArray[np.float64]) -> Mean:
    """With the standard error of a mean."""
    spread = float(each.std(ddof=1) / len(each) ** 0.5) if len(each) > 1 else None
    return Mean(value=float(each.mean()), spread=spread, n=len(each))


def as_mean(found: Measurement) -> Mean:
    return Mean(value=found.value, spread=found.spread, n=found.n)


def spaced(many: int, wanted: int) -> NDArray[np.intp]:
    """At most so many places, evenly over all: a split may lie in the order of its classes."""
    return np.unique(np.linspace(0, many - 1, min(many, wanted)).round().astype(np.intp))


@cache
def _data(spec: str) -> Dataset:
    return loaded(StudySpec.model_validate_json(spec).data)
