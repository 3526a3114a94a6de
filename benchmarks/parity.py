"""Does the file answer as the network did? Every student, whole and pruned, by every scheme, in every runtime here.

    python benchmarks/parity.py [--students resnet vgg] [--runtimes onnxruntime executorch] > table.md

Each network learns digits of 32 x 32 x 3 pixels first, and the pruned one again. A cell is the share of test images on
which the file and the network agree. Below the table: what is refused, and why; and of each cell that agrees on too
few, how sure the network was where they differ. A scheme that takes its bits from the file is compared with the
network in 32 bits, so there the bits themselves count too.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from grid import SMALL, families, finished
from numpy.typing import NDArray
from torch.nn.modules.batchnorm import _BatchNorm

from autocompress.compress.cutting.surgery import Rules, cut
from autocompress.compress.importances.base import Importance
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.plan import Plan
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.students.base import Student
from autocompress.compress.train import fit
from autocompress.data.base import Dataset, Split
from autocompress.data.digits import Digits
from autocompress.errors import Failure
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import find, make, names
from autocompress.study.deploy import lowered

SCHEMES: dict[str, Any] = {
    "32 bits": None,
    "onnx_static": {"use": "onnx_static"},
    "half": "half",
    "W8A8": {"use": "lsq", "weights": 8},
    "W4A8": {"use": "lsq", "weights": 4},
}
LOWEST = 0.98
PLAN = Plan(epochs=6, lr=0.05, batch_size=32)
GENTLE = Plan(epochs=12, lr=0.002, batch_size=32, optimizer="adamw")  # for networks without batch norms
AGAIN = 3  # epochs after pruning


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", nargs="*", default=sorted(families()))
    parser.add_argument("--runtimes", nargs="*", default=[n for n in names(Runtime) if not make(Runtime, n).missing])
    parser.add_argument("--schemes", nargs="*", default=list(SCHEMES), choices=SCHEMES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    data = images()
    print(f"| student | | scheme | {' | '.join(given.runtimes)} |\n|---|---|---|{'---:|' * len(given.runtimes)}")
    refused: dict[str, list[str]] = {}
    below: list[str] = []
    passed = 0
    for student in given.students:
        for which, model in variants(student, data):
            for scheme in given.schemes:
                ready, cells = prepared(model, SCHEMES[scheme], data), []
                for runtime in given.runtimes:
                    cell = ready if isinstance(ready, str) else compared(ready, runtime, data)
                    where = f"{student} {which} x {scheme} x {runtime}"
                    if isinstance(cell, str):
                        refused.setdefault(cell, []).append(where)
                        cells.append("-")
                        continue
                    found, own = cell
                    share = float((found == own.argmax(1)).mean())
                    cells.append(f"{share:.1%}")
                    passed += share >= LOWEST
                    if share < LOWEST:
                        below.append(f"- {where}: {doubts(found, own, data.test.y)}")
                print(f"| {student} | {which} | {scheme} | {' | '.join(cells)} |", flush=True)
    many = sum(map(len, refused.values()))
    print(f"\n{passed} cells agree on {LOWEST:.0%} or more of {len(data.test)} images, {len(below)} on less:\n")
    print("\n".join(below))
    print(f"\n{many} are refused:\n")
    for reason, cells in refused.items():
        print(f"- {reason}\n  ({len(cells)}: {', '.join(cells[:3])}{' ...' if len(cells) > 3 else ''})")


def variants(student: str, data: Dataset) -> Iterator[tuple[str, Model]]:
    lab = Lab(data)
    fresh = Model.fresh({"use": student, **SMALL.get(student, {})}, data.inputs, len(data.classes), seed=0)
    plan = PLAN if any(isinstance(module, _BatchNorm) for module in fresh.net.modules()) else GENTLE
    model = finished(fit(fresh, lab, plan))
    yield "whole", model
    if find(Student, student).uncut:
        return
    smaller = cut(model, lab, 0.5, make(Importance, "magnitude"), Rules())
    yield "pruned", finished(fit(smaller, lab, replace(plan, epochs=AGAIN)))


def prepared(model: Model, scheme: Any, data: Dataset) -> Model | str:
    """The model by a scheme, or why not."""
    if scheme is None:
        return model
    try:
        return make(Quantizer, scheme).prepare(model, Lab(data))
    except Failure as failure:
        return str(failure)


def compared(model: Model, runtime: str, data: Dataset) -> tuple[NDArray[np.int64], NDArray[np.float32]] | str:
    """What the file answers, and the network's logits; or why there is nothing."""
    x = data.prepared(data.test.x)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        try:
            made = make(Runtime, {"use": runtime})
            found = made.open(lowered(model, made, Path(folder), data))(x).argmax(1)
        except Failure as failure:
            return str(failure)
        return found, model.net(torch.from_numpy(x)).numpy()


def doubts(found: NDArray[np.int64], own: NDArray[np.float32], y: NDArray[np.int64]) -> str:
    """Where they differ: by how much the network preferred its first answer to its second, next to what is usual."""
    second, first = np.partition(own, -2, axis=1)[:, -2:].T
    lead, differs = first - second, found != own.argmax(1)
    share = np.median(lead[differs]) / np.median(lead)
    right = f"{(found == y).mean():.1%} right, the network {(own.argmax(1) == y).mean():.1%}"
    return f"differs on {differs.sum()} images, where the network's lead is {share:.0%} of the usual one; {right}"


def images() -> Dataset:
    """Digits of 32 x 32 pixels in three equal colours."""
    data = Digits().load()

    def larger(split: Split) -> Split:
        return Split(split.x.repeat(4, axis=-2).repeat(4, axis=-1).repeat(3, axis=1), split.y)

    few, three = {"mean": data.mean * 3, "std": data.std * 3}, (data.train, data.val, data.test)
    train, val, test = (larger(split) for split in three)
    return replace(data, train=train, val=val, test=test, **few)


if __name__ == "__main__":
    main()
