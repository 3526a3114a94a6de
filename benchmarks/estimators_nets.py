"""Random small nets and all their layers, timed here by ONNX Runtime: what benchmarks/estimators.py learns from.

    python benchmarks/estimators_nets.py [--nets 60] [--out benchmarks/data]

Writes ort_nets.csv (one row per net: float and int8 seconds), ort_nets_layers.csv (which net has which layers) and
ort_layers.csv (seconds of each layer alone). Thread CPU time, one thread, batch 1, the median over fresh processes.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

from autocompress.compress.quantizers.onnx_static import OnnxStatic
from autocompress.measure.estimators._alone import alone
from autocompress.measure.estimators._layer import Layer, layers
from autocompress.measure.export import to_onnx
from autocompress.measure.graph_of_file import read

PROCESSES, RUNS = 5, 20
TIMER = """
import json, sys, time
import numpy as np, onnxruntime as ort
files = json.load(sys.stdin)
def session(file):
    o = ort.SessionOptions(); o.intra_op_num_threads = 1; o.inter_op_num_threads = 1; o.log_severity_level = 3
    s = ort.InferenceSession(file, o, providers=["CPUExecutionProvider"])
    r = np.random.default_rng(0)
    shape = lambda i: [d if isinstance(d, int) else 1 for d in i.shape]
    return s, {i.name: r.standard_normal(shape(i), dtype=np.float32) for i in s.get_inputs()}
def calls(s, x, n):
    t = time.thread_time()
    for _ in range(n): s.run(None, x)
    return time.thread_time() - t
found = []
for at in range(0, len(files), 2):
    pair = [session(file) for file in files[at:at + 2]]
    many = []
    for s, x in pair:
        calls(s, x, 3); n = 1
        while (t := calls(s, x, n)) < 5e-4: n *= 2
        many.append(n)
    times = [[] for _ in pair]
    for run in range(%d):
        for place in (range(len(pair)) if run %% 2 == 0 else reversed(range(len(pair)))):
            times[place].append(calls(*pair[place], many[place]) / many[place])
    found += [sorted(t)[len(t) // 2] for t in times]
print(json.dumps(found))
"""


def seconds(files: list[Path], processes: int = PROCESSES, runs: int = RUNS) -> list[float]:
    """Of one call of each, files of a pair in turns."""
    ask = json.dumps([str(file) for file in files])
    found = []
    for _ in range(processes):
        done = subprocess.run(
            [sys.executable, "-c", TIMER % runs], input=ask, capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout))
    return [median(column) for column in zip(*found, strict=True)]


class Bottleneck(nn.Module):
    # two convolutions around which the input goes
    def __init__(self, before: int, inner: int, after: int, stride: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(before, inner, 3, stride, 1), act())
        self.b = nn.Conv2d(inner, after, 3, 1, 1)
        self.short = nn.Identity() if stride == 1 and before == after else nn.Conv2d(before, after, 1, stride)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.b(self.a(x)) + self.short(x))
        return y


class Inverted(nn.Module):
    def __init__(self, before: int, inner: int, after: int, stride: int, kernel: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(before, inner, 1),
            nn.ReLU6(),
            nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner),
            nn.ReLU6(),
            nn.Conv2d(inner, after, 1),
        )
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


def net(family: str, chance: np.random.Generator) -> nn.Module:
    """As pruning leaves them: every width its own share of a common one, rounded or not."""
    to = int(chance.choice([1, 8, 16]))
    base = int(chance.choice([16, 24, 32, 48]))

    def width(full: int) -> int:
        kept = int(full * chance.uniform(0.3, 1.0))
        return max(to, 4, kept // to * to)

    parts: list[nn.Module] = []
    if family == "vgg":
        before = 3
        for stage in range(3):
            for _ in range(int(chance.integers(1, 3))):
                after = width(base * 2**stage)
                parts += [nn.Conv2d(before, after, 3, 1, 1), nn.ReLU()]
                before = after
            parts.append(nn.MaxPool2d(2))
    else:
        before = width(base)
        parts += [nn.Conv2d(3, before, 3, 1, 1), nn.ReLU()]
        for stage in range(3):
            after = width(base * 2**stage)
            for block in range(int(chance.integers(1, 4))):
                stride = 2 if stage and not block else 1
                if family == "resnet":
                    parts.append(Bottleneck(before, width(base * 2**stage), after, stride, nn.ReLU))
                else:
                    wide = width(before * int(chance.choice([3, 4, 6])))
                    parts.append(Inverted(before, wide, after, stride, int(chance.choice([3, 3, 5]))))
                before = after
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def nets(many: int) -> Iterator[tuple[str, str, nn.Module]]:
    for number in range(many):
        torch.manual_seed(number)
        family = ("resnet", "mobilenet", "vgg")[number % 3] if number % 6 != 5 else "mobilenet"
        yield f"{number:03d}", family, net(family, np.random.default_rng(number)).eval()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nets", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows, parts, distinct = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        wide, narrow = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        for name, family, module in nets(given.nets):
            side = (32, 48)[int(name) % 2]
            to_onnx(module, (3, side, side), wide)
            calibration = (np.random.default_rng(i).standard_normal((4, 3, side, side), np.float32) for i in range(2))
            OnnxStatic().convert(wide, narrow, calibration)
            times = seconds([wide, narrow])
            found = layers(read(wide))
            ints = layers(read(narrow))  # rectifiers went into the grids
            wide_again = [each._replace(activation="", bits=32) for each in ints]
            assert wide_again == [each._replace(activation="") for each in found], "quantizing changed what is computed"
            assert all(each.bits == 8 for each in ints), "not all of it runs as integers"
            rows.append([name, family, *(f"{t:.4g}" for t in times)])
            parts += [[name, *each] for each in found]
            distinct |= {each._replace(bits=bits): None for each in found for bits in (32, 8)}
            print(name, family, *rows[-1][2:], flush=True)
        write(given.out / "ort_nets.csv", ["net", "family", "float_seconds", "int8_seconds"], rows)
        write(given.out / "ort_nets_layers.csv", ["net", *Layer._fields], parts)
        files, known = [], []
        for number, each in enumerate(distinct):
            file = Path(folder) / f"{number}.onnx"
            try:
                alone(each, file)
            except Exception as error:
                print(each, error)
                continue
            files.append(file)
            known.append(each)
        taken = seconds(files, processes=3, runs=9)
        table = [[*each, f"{t:.4g}"] for each, t in zip(known, taken, strict=True)]
        write(given.out / "ort_layers.csv", [*Layer._fields, "seconds"], table)


def write(file: Path, head: list[str], rows: list[list[object]]) -> None:
    with file.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([head, *rows])


if __name__ == "__main__":
    main()
