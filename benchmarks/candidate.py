"""What it costs to turn one trained candidate into a measured file: CPU seconds of each part, children included.

    python benchmarks/candidate.py [--depth 8] [--width 16] [--validation 1000] [--turns 4]

Export, quantization to 8 bits, the network's answers and the file's, latency, memory. The first turn pays for imports
and for what the exporter builds once per process; the median is of the others, as in a study.
"""

import argparse
import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.data.base import Dataset, Split
from autocompress.measure.accuracy import answers, scores
from autocompress.measure.counted import counted
from autocompress.measure.empty import empty
from autocompress.measure.latency import latency
from autocompress.measure.memory import peak_ram
from autocompress.measure.packed import packed
from autocompress.measure.parity import parity
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.deploy import lowered
from autocompress.values.device import Protocol

INPUTS, CLASSES = (3, 32, 32), 10
BROKEN = {"agreement": 0.0, "change": 1.0}  # an untrained network agrees with nobody
GOAL = 4.0  # CPU seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--validation", type=int, default=1000, help="images")
    parser.add_argument("--runtime", default="onnxruntime")
    parser.add_argument("--quantizer", default="onnx_static")
    parser.add_argument("--turns", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = pretend(given.validation)
    turns = [turn(given, data) for _ in range(given.turns)]
    print(f"resnet{given.depth}, width {given.width}, {given.quantizer}, {given.runtime}; {given.validation} images")
    print(f"{'part':30} {'first':>6} {'then':>6}  CPU seconds")
    totals = []
    for part in turns[0]:
        then = statistics.median(one[part] for one in turns[1:])
        print(f"{part:30} {turns[0][part]:6.2f} {then:6.2f}")
        totals.append(then if "(" not in part else 0.0)
    print(f"{'together':30} {'':6} {sum(totals):6.2f}  goal: {GOAL:g}")


def turn(given: argparse.Namespace, data: Dataset) -> dict[str, float]:
    """CPU seconds by part; those in brackets are not of every candidate."""
    spent: dict[str, float] = {}

    def part(name: str, work: Callable[[], object]) -> None:
        before = cpu()
        work()
        spent[name] = cpu() - before

    student = {"use": "resnet", "depth": given.depth, "width": given.width}
    model = Model.fresh(student, INPUTS, CLASSES, 0)
    runtime = make(Runtime, given.runtime)
    settings = {"use": given.runtime}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part("(export of an empty model)", lambda: empty(runtime, INPUTS, folder))
        (folder / "reference").mkdir()
        reference = folder / "reference" / f"reference{runtime.suffix}"
        part("(export in 32 bits)", lambda: runtime.lower(model.net, INPUTS, reference))
        model = make(Quantizer, given.quantizer).noted(model)
        file = folder / f"model{runtime.suffix}"
        part("export and quantize", lambda: lowered(model, runtime, folder, data))
        logits: list[np.ndarray] = []
        part("answers of the file", lambda: logits.append(answers(runtime.open(file), data.shown(data.val))))
        part("parity", lambda: parity(model.net, logits[0], data.shown(data.val), data.val.y, **BROKEN))
        part("accuracy, nll, ece", lambda: scores(logits[0], data.val.y, "here"))
        part("counted", lambda: (counted(model.net, INPUTS), packed(file) if file.suffix == ".onnx" else None))
        nothing = folder / f"empty{runtime.suffix}"
        part("latency, 5 processes", lambda: latency(file, reference, settings, INPUTS, Protocol(), empty=nothing))
        part("(peak_ram, 3 processes)", lambda: peak_ram(file, nothing, settings, INPUTS, Protocol()))
    return spent


def cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def pretend(validation: int) -> Dataset:
    """Random images: what they show costs nothing."""
    random = np.random.default_rng(0)

    def split(many: int) -> Split:
        return Split(random.integers(0, 256, (many, *INPUTS), dtype=np.uint8), random.integers(0, CLASSES, many))

    names = tuple(map(str, range(CLASSES)))
    return Dataset(split(128), split(validation), split(16), names, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


if __name__ == "__main__":
    main()
