"""What fewer bits after training bring on this CPU, in ONNX Runtime: time, size, what runs as integers, accuracy.

    python benchmarks/ptq.py [--models resnet18 mobilenet_v2] [--side 224] [--trained resnet8 ...] [--data my.npz]

First torchvision's networks with random weights, whose batch norms have seen a few images: neither time nor size
depends on what was learned. CPU time of one thread, batch 1, all files of a network in turns in five fresh processes;
what counts are ratios. Then small networks that were trained, on the images of --data or else on digits: the accuracy
of each file on the test split, and how it was calibrated. Points are the difference to the file in 32 bits, image by
image, so its standard error is that of the images on which the two are not equally right.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import nn

from autocompress.compress.augmentations.crop import Crop
from autocompress.compress.augmentations.flip import Flip
from autocompress.compress.examples import Examples
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.plan import Plan
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.train import fit
from autocompress.data.base import Dataset, Split
from autocompress.data.digits import Digits
from autocompress.data.npz import Npz
from autocompress.errors import Failure
from autocompress.measure.accuracy import answers
from autocompress.measure.executed import executed
from autocompress.measure.latency import race
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.measure.slim import slim
from autocompress.plugin import make
from autocompress.study.deploy import lowered
from autocompress.values.device import Protocol

MODELS = ("resnet18", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "densenet121", "squeezenet1_1")
TRAINED: dict[str, dict[str, Any]] = {
    "resnet8": {"use": "resnet", "depth": 8, "width": 16},
    "resnet20": {"use": "resnet", "depth": 20, "width": 16},
    "mbnet": {"use": "mbnet"},
    "mobilenet_v2": {"use": "mobilenet_v2", "width": 0.5},
    "mobilenet_v3": {"use": "mobilenet_v3", "width": 0.5},
    "efficientnet": {"use": "efficientnet", "width": 0.5, "depth": 0.5},
    "densenet": {"use": "densenet", "growth": 12},
}
WAYS = ("minmax", "average", "percentile")
FAST: dict[str, dict[str, Any] | None] = {  # calibration moves no latency
    "fp32": None,
    "fp16": {"use": "half"},
    "bf16": {"use": "half", "format": "bf16"},
    "fp16, computed in halves": {"use": "half", "compute": "half"},
    "int8": {"use": "onnx_static"},
    "int8, first convolution in floats": {"use": "onnx_static", "keep": "first"},
}
EXACT: dict[str, dict[str, Any] | None] = {
    "fp32": None,
    "fp16": {"use": "half"},
    **{f"int8, {w} {n}": {"use": "onnx_static", "calibrate": w, "examples": n} for w in WAYS for n in (32, 128)},
    "int8, minmax 128, first convolution in floats": {"use": "onnx_static", "keep": "first"},
}
GRIDS = {"W8A8, calibrated grids": {"use": "lsq"}}
GOAL = 0.5  # points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--trained", nargs="*", default=tuple(TRAINED))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--examples", type=int, default=10_000, help="to train on")
    parser.add_argument("--data", type=Path, help="an .npz as `data: {use: npz}` reads it")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.models:
        print("| network | file | ms | x fp32 | MB | as it runs |\n|---|---|---:|---:|---:|---|", flush=True)
    for name in given.models:
        for row in timed(name, given.side):
            print(f"| {name} | {' | '.join(row)} |", flush=True)
    if given.trained:
        data = images(given.data, given.examples)
        print(f"\n| network | file | accuracy, {len(data.test)} test images | points (goal -{GOAL:g}) | same answer |")
        print("|---|---|---:|---:|---:|", flush=True)
    for name in given.trained:
        for row in exact(trained(TRAINED[name], data, given.epochs), data):
            print(f"| {name} | {' | '.join(row)} |", flush=True)


def timed(name: str, side: int) -> Iterator[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        net, inputs = warmed(name, side), (3, side, side)
        x = np.random.default_rng(0).standard_normal((4, *inputs), dtype=np.float32)
        files, refused = written(net, inputs, FAST, x, Path(folder))
        seen = race(list(files.values()), {"use": "onnxruntime"}, inputs, Protocol(), timeout=300)
        for place, (label, file) in enumerate(files.items()):
            seconds = float(np.median([np.median(process[place]) for process in seen.times]))
            size = file.stat().st_size / 1e6
            yield label, f"{1e3 * seconds:.3f}", str(seen.duel(0, place)), f"{size:.2f}", str(executed(file))
        for label, reason in refused.items():
            yield label, "-", "-", "-", reason


def exact(model: Model, data: Dataset) -> Iterator[tuple[str, ...]]:
    """Every file of a trained network answers the test split."""
    x, y = data.prepared(data.train.x[:128]), data.test.y
    with tempfile.TemporaryDirectory() as folder:
        files, _ = written(model.net, data.inputs, EXACT, x, Path(folder))
        for label, scheme in GRIDS.items():
            ready = make(Quantizer, scheme).prepare(model, Lab(data))
            files[label] = lowered(ready, Onnxruntime(), Path(folder), data)
        found = {label: answers(Onnxruntime().open(f), data.shown(data.test)).argmax(1) for label, f in files.items()}
    whole = found["fp32"]
    for label, mine in found.items():
        moved = 100 * ((mine == y).astype(float) - (whole == y))
        points = f"{moved.mean():+.2f} ± {moved.std(ddof=1) / len(y) ** 0.5:.2f}"
        yield label, f"{(mine == y).mean():.2%}", points, f"{(mine == whole).mean():.2%}"


def written(
    net: nn.Module,
    inputs: tuple[int, int, int],
    schemes: dict[str, dict[str, Any] | None],
    x: NDArray[np.float32],
    folder: Path,
) -> tuple[dict[str, Path], dict[str, str]]:
    """The files, and what could not be one."""
    whole = folder / "fp32.onnx"
    Onnxruntime().lower(net, inputs, whole)
    files, refused = {"fp32": whole}, {}
    for place, (label, scheme) in enumerate(schemes.items()):
        if scheme is None:
            continue
        quantizer, file = make(Quantizer, scheme), folder / f"{place}.onnx"
        some = x[: quantizer.calibration_examples]
        try:
            quantizer.convert(whole, file, (some[start : start + 32] for start in range(0, len(some), 32)))
        except Failure as failure:
            refused[label] = str(failure)
            continue
        slim(file)
        files[label] = file
    return files, refused


def warmed(name: str, side: int) -> nn.Module:
    """Its batch norms know the statistics of noise, so that activations are neither all 0 nor endless."""
    torch.manual_seed(0)
    net = torchvision.models.get_model(name)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():
        for _ in range(2):
            net.train()(torch.randn(8, 3, side, side))
    return net.eval()


def trained(student: dict[str, Any], data: Dataset, epochs: int) -> Model:
    model = Model.fresh(student, data.inputs, len(data.classes), 0)
    augment = [Crop(pad=4), Flip()] if data.inputs[0] == 3 else []
    lab = Lab(data, examples=Examples(data, augment))
    running = fit(model, lab, Plan(epochs=epochs, lr=0.1, batch_size=64))
    while True:
        try:
            next(running)
        except StopIteration as end:
            made: Model = end.value
            return made


def images(file: Path | None, examples: int) -> Dataset:
    data = Npz(path=str(file)).load() if file else grown(Digits().load())
    few = Split(data.train.x[:examples], data.train.y[:examples])
    return replace(data, train=few)


def grown(data: Dataset) -> Dataset:
    """Digits of 32 x 32 pixels, each of the 8 x 8 four times as wide and high."""

    def larger(split: Split) -> Split:
        return Split(split.x.repeat(4, axis=-2).repeat(4, axis=-1), split.y)

    return replace(data, train=larger(data.train), val=larger(data.val), test=larger(data.test))


if __name__ == "__main__":
    main()
