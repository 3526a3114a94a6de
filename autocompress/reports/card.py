"""What goes beside a model that is handed over: a page that says what it is, and a script that runs it."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from autocompress.reports.view import StudyView
from autocompress.values.job import BASELINE
from autocompress.values.measurement import Measurement
from autocompress.values.metric import known, show
from autocompress.values.trial import Trial

INFER = '''"""Run {file} on images: `python infer.py images.npz`.

x is uint8, N x {c} x {h} x {w}; with labels y it prints the accuracy, without them the answers.
"""

import sys
from pathlib import Path

import numpy as np
{imports}

MEAN = np.array({mean}, np.float32).reshape(1, -1, 1, 1)
STD = np.array({std}, np.float32).reshape(1, -1, 1, 1)
FILE = str(Path(__file__).with_name("{file}"))
{opens}


def logits(pixels):
    x = (pixels.astype(np.float32) / np.float32(255) - MEAN) / STD
    return {runs}


if __name__ == "__main__":
    images = np.load(sys.argv[1], allow_pickle=False)
    parts = np.array_split(images["x"], -(-len(images["x"]) // 64))
    found = np.concatenate([logits(part).argmax(1) for part in parts])
    if "y" in images:
        print(f"accuracy {{(found == images['y']).mean():.6f}} on {{len(found)}} images")
    else:
        print(*found, sep="\\n")
'''


def infer(file: str, snippet: Mapping[str, str], inputs: Sequence[int], normalise: Mapping[str, Any]) -> str:
    """A script that wants numpy and the runtime, nothing else. `snippet` is the runtime's own part of it.

    What comes from papers, which anybody may have written, goes in as a number or a plain name: text would become code.
    """
    if not re.fullmatch(r"\w+(\.\w+)+", file, re.ASCII):
        raise ValueError(f"{file!r} is no name for a model: wants letters, digits and dots, such as model.onnx")
    if len(inputs) != 3 or not all(type(size) is int and size > 0 for size in inputs):
        raise ValueError(f"inputs are {inputs!r}; wants channels, height and width")
    (c, h, w), (mean, std) = inputs, (_numbers(normalise[name], name, inputs[0]) for name in ("mean", "std"))
    if not all(spread > 0 for spread in std):
        raise ValueError(f"std is {std}; nothing can be divided by that")
    return INFER.format(file=file, c=c, h=h, w=w, mean=mean, std=std, **snippet)


def _numbers(given: Any, name: str, many: int) -> list[float]:
    real = isinstance(given, list | tuple) and all(type(one) in (int, float) and math.isfinite(one) for one in given)
    if not real or len(given) != many:
        raise ValueError(f"{name} is {given!r}; wants {many} numbers, one for each channel")
    return [float(one) for one in given]


def card(view: StudyView, trial: Trial, file: str, classes: tuple[str, ...]) -> str:
    """A model card, in Markdown, with the block at its top that model hubs read."""
    tested = view.test_accuracy.get(trial.number)
    device = view.spec.device
    assert device is not None, "only compression studies have models to hand over"
    lines = [
        "---",
        "license: unknown  # yours to say: it depends on your data and on the weights you began with",
        "pipeline_tag: image-classification",
        f"tags: [autocompress, {device.kind}]",
        "---",
        "",
        f"# {view.spec.name}, {_who(trial)}",
        "",
        f"An image classifier in {file}, made for {device.name}.",
        "",
        "How it came to be: " + trial.recipe.line,
        "",
        "## How good it is",
        "",
        "| | value | obtained | on | to know |",
        "|---|---:|---|---|---|",
        *(_row(known(m.metric).title, m) for m in trial.measurements),
        *([_row("test accuracy", tested)] if tested else []),
        "",
        "± is one standard error. Accuracy is of the validation split, test accuracy of images that no choice saw.",
        "",
        "## Where it fits",
        "",
        *(_limits(view, trial) or ["The study had no limits."]),
        "",
        "## Use",
        "",
        "    python infer.py images.npz",
        "",
        "`preprocessing.json` says what the file wants to see; `infer.py` does it. `autocompress verify .` does it",
        "once more on the data of the study and compares; `sha256sum -c SHA256SUMS` checks the files alone.",
        "",
        *([f"Classes, in order: {', '.join(classes)}.", ""] if classes else []),
        "## What it is not",
        "",
        "Nobody has looked at what it does on images unlike those of the study"
        f" (`{json.dumps(view.spec.data, ensure_ascii=False)}`).",
        "",
    ]
    return "\n".join(lines)


def _who(trial: Trial) -> str:
    return "the baseline" if trial.number == BASELINE else f"trial {trial.number}"


def _row(title: str, m: Measurement) -> str:
    cells = (title, show(m.metric, m.value, m.spread), m.how, m.on, m.note)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _limits(view: StudyView, trial: Trial) -> list[str]:
    broken = trial.broken
    return [f"- {limit}: {'broken' if limit.metric in broken else 'kept'}" for limit in view.front.limits]
