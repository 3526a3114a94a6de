"""What few bits cost in accuracy, calibrated and trained, and whether every runtime agrees, from one trained network.

    python benchmarks/qat.py [--data cifar.npz] [--epochs 15] [--recover 3] [--runtimes onnxruntime executorch litert]

A network is trained in 32 bits. For each width of weights and activations its weights lose their bits, once calibrated
only, once trained on by distillation from itself in 32 bits (first and last layer 8 bits). The trained one is lowered
into each runtime; every accuracy is that of the file. Without --data it learns scikit-learn's digits.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from autocompress.compress.augmentations.crop import Crop
from autocompress.compress.augmentations.flip import Flip
from autocompress.compress.examples import Examples
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.stages.base import Stage
from autocompress.compress.teacher import Teacher
from autocompress.data.base import Dataset, loaded
from autocompress.measure.accuracy import accuracy, answers
from autocompress.measure.latency import race
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.deploy import lowered
from autocompress.values.device import Protocol

WIDTHS = ((8, 8), (4, 8), (4, 4), (3, 4), (2, 4))
GOALS = {(4, 8): 0.5, (3, 4): 1.5, (2, 4): 2.5}  # points below 32 bits
SAME = 0.4  # points between runtimes


@dataclass(frozen=True)
class Row:
    bits: tuple[int, int]
    calibrated: float
    trained: dict[str, float]  # runtime -> accuracy of its file
    ratio: str  # latency, trained to calibrated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="an .npz as `data: {use: npz}` reads it")
    parser.add_argument("--student", default="resnet", help="with --depth and --width")
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--recover", type=int, default=3)
    parser.add_argument("--runtimes", nargs="*", default=["onnxruntime", "executorch"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = loaded({"use": "npz", "path": str(given.data)} if given.data else {"use": "digits"})
    augment = [Crop(), Flip()] if given.data else []
    student = {"use": given.student, "depth": given.depth, "width": given.width}
    whole = trained(student, data, augment, given.epochs)
    base = on_test(whole, "onnxruntime", data)
    print(
        f"{student}, {len(data.train)} images, {given.epochs} epochs: {base:.2%} in 32 bits on {len(data.test)} images"
    )
    print(f"| bits | calibrated | {' | '.join(f'trained, {name}' for name in given.runtimes)} | below | apart | time |")
    print(f"|---|---:|{'---:|' * len(given.runtimes)}---:|---:|---:|")
    for bits in WIDTHS:
        row = measured(whole, data, augment, bits, given.recover, given.runtimes)
        print(told(row, base), flush=True)


def trained(student: dict[str, Any], data: Dataset, augment: list[Any], epochs: int) -> Model:
    model = Model.fresh(student, data.inputs, len(data.classes), seed=0)
    stage = make(Stage, {"use": "finetune", "epochs": epochs, "lr": 0.1, "batch_size": 128})
    return finished(stage, model, Lab(data, examples=Examples(data, augment)))


def measured(
    whole: Model, data: Dataset, augment: list[Any], bits: tuple[int, int], recover: int, runtimes: list[str]
) -> Row:
    lab = Lab(
        data,
        examples=Examples(data, augment),
        teachers=lambda name: Teacher(whole, "itself", data, torch.device("cpu")),
    )
    scheme = {"use": "lsq", "weights": bits[0], "activations": bits[1], "ends": 8}
    calibrated = finished(make(Stage, {"use": "quantize", "scheme": scheme}), whole, lab)
    how = {"recover": recover, "method": "logit", "lr": 0.01, "batch_size": 128}
    learned = finished(make(Stage, {"use": "quantize", "scheme": scheme, **how}), whole, lab)
    with tempfile.TemporaryDirectory() as folder:
        files = [
            file_of(model, "onnxruntime", data, Path(folder) / str(i)) for i, model in enumerate((learned, calibrated))
        ]
        duel = race(files, {"use": "onnxruntime"}, whole.inputs, Protocol()).duel(0, 1)
    return Row(
        bits,
        on_test(calibrated, "onnxruntime", data),
        {name: on_test(learned, name, data) for name in runtimes},
        str(duel),
    )


def finished(stage: Stage, model: Model, lab: Lab) -> Model:
    running = stage.run(model, lab)
    while True:
        try:
            next(running)
        except StopIteration as end:
            found: Model = end.value
            return found


def on_test(model: Model, runtime: str, data: Dataset) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = file_of(model, runtime, data, Path(folder) / "here")
        logits = answers(make(Runtime, {"use": runtime}).open(file), data.shown(data.test))
    return accuracy(logits, data.test.y, runtime).value


def file_of(model: Model, runtime: str, data: Dataset, folder: Path) -> Path:
    folder.mkdir()
    return lowered(model, make(Runtime, {"use": runtime}), folder, data)


def told(row: Row, base: float) -> str:
    found = list(row.trained.values())
    below, apart = 100 * (base - found[0]), 100 * (max(found) - min(found))
    goal = f" (goal {GOALS[row.bits]})" if row.bits in GOALS else ""
    cells = [f"W{row.bits[0]}A{row.bits[1]}", f"{row.calibrated:.2%}", *(f"{one:.2%}" for one in found)]
    return f"| {' | '.join([*cells, f'{below:.2f}{goal}', f'{apart:.2f} (goal {SAME})', row.ratio])} |"


if __name__ == "__main__":
    main()
