"""The last look: exported files on the test split, which the search has never seen."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from autocompress.data.base import Dataset, loaded
from autocompress.measure.accuracy import accuracy, answers
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.values.measurement import Measurement
from autocompress.values.study import StudySpec


def on_test(spec: StudySpec, file: Path, manifest: Path, papers: Path) -> Measurement:
    """Accuracy of one file on the test split; its manifest says how it wants its pixels, its papers what runs it."""
    runs = json.loads(papers.read_text(encoding="utf-8"))
    runtime = make(Runtime, {"use": runs["use"], "threads": runs["threads"]})
    normalise = json.loads(manifest.read_text(encoding="utf-8"))["normalise"]
    data = replace(_data(spec.model_dump_json()), mean=tuple(normalise["mean"]), std=tuple(normalise["std"]))
    logits = answers(runtime.open(file), data.shown(data.test))
    return accuracy(logits, data.test.y, f"model{runtime.suffix}, {runtime.version}, test split")


@cache
def _data(spec: str) -> Dataset:
    return loaded(StudySpec.model_validate_json(spec).data)
