"""Does the file answer as the network did? Every student, whole and pruned, by every scheme, in every runtime here.

    python benchmarks/parity.py [--students resnet vgg] [--runtimes onnxruntime executorch] > table.md

A cell is the share of images on which the file and the network agree; networks are random but for their batch norms,
which have seen the images, so answers lie close together and agreement is harder than it will be. What is refused says
why, below the table. A scheme that takes its bits from the file is compared with the network in 32 bits.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from grid import CLASSES, INPUTS, SMALL

from autocompress.compress.cutting.surgery import Rules, cut
from autocompress.compress.importances.base import Importance
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.recalibrate import recalibrate
from autocompress.compress.students.base import Student
from autocompress.data.base import Dataset, Split
from autocompress.errors import Failure
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import find, make, names
from autocompress.study.deploy import lowered

EXAMPLES = 128
SCHEMES: dict[str, Any] = {
    "32 bits": None,
    "onnx_static": {"use": "onnx_static", "examples": 32},
    "half": "half",
    "W8A8": {"use": "lsq", "weights": 8},
    "W4A8": {"use": "lsq", "weights": 4},
}
LOWEST = 0.98


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", nargs="*", default=sorted(SMALL))
    parser.add_argument("--runtimes", nargs="*", default=[n for n in names(Runtime) if not make(Runtime, n).missing])
    parser.add_argument("--schemes", nargs="*", default=list(SCHEMES), choices=SCHEMES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    data = pretend()
    print(f"| student | | {' | '.join(f'{s}, {r}' for s in given.schemes for r in given.runtimes)} |")
    print(f"|---|---|{'---:|' * (len(given.schemes) * len(given.runtimes))}")
    reasons: dict[str, str] = {}
    counts = {"passed": 0, "below": 0, "refused": 0}
    for student in given.students:
        for which, model in variants(student, data):
            cells = []
            for scheme in given.schemes:
                ready = prepared(model, SCHEMES[scheme], data)
                for runtime in given.runtimes:
                    cell = ready if isinstance(ready, str) else agreement(ready, runtime, data)
                    if isinstance(cell, str):
                        counts["refused"] += 1
                        cells.append(f"[{marked(reasons, cell)}]")
                    else:
                        counts["passed" if cell >= LOWEST else "below"] += 1
                        cells.append(f"{cell:.1%}")
            print(f"| {student} | {which} | {' | '.join(cells)} |", flush=True)
    print()
    for reason, mark in reasons.items():
        print(f"[{mark}] {reason}")
    passed, below, refused = counts.values()
    print(f"\n{passed} cells agree on {LOWEST:.0%} or more, {below} on less, {refused} are refused")


def variants(student: str, data: Dataset) -> Iterator[tuple[str, Model]]:
    model = Model.fresh({"use": student, **SMALL[student]}, INPUTS, CLASSES, seed=0)
    lab = Lab(data)
    recalibrate(model.net, lab)
    yield "whole", model
    if find(Student, student).uncut:
        return
    try:
        smaller = cut(model, lab, 0.5, make(Importance, "magnitude"), Rules())
    except Failure:
        return
    recalibrate(smaller.net, lab)
    yield "pruned", smaller


def prepared(model: Model, scheme: Any, data: Dataset) -> Model | str:
    """The model by a scheme, or why not."""
    if scheme is None:
        return model
    try:
        return make(Quantizer, scheme).prepare(model, Lab(data))
    except Failure as failure:
        return str(failure)


def agreement(model: Model, runtime: str, data: Dataset) -> float | str:
    """Share of equal answers, or why there are none."""
    x = data.prepared(data.val.x)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        try:
            made = make(Runtime, {"use": runtime})
            found = made.open(lowered(model, made, Path(folder), data))(x).argmax(1)
        except Failure as failure:
            return str(failure)
        return float((found == model.net(torch.from_numpy(x)).argmax(1).numpy()).mean())


def marked(reasons: dict[str, str], reason: str) -> str:
    return reasons.setdefault(
        reason, "abcdefghijklmnopqrstuvwxyz"[len(reasons)] if len(reasons) < 26 else str(len(reasons))
    )


def pretend() -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (EXAMPLES, *INPUTS), dtype=np.uint8)
    split = Split(x, rng.integers(0, CLASSES, EXAMPLES))
    return Dataset(split, split, split, tuple("abcdefghij"), (0.5,) * 3, (0.29,) * 3)


if __name__ == "__main__":
    main()
