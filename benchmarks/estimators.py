"""How wrong the estimators are on what they have not seen: the chip, the model or the net held out.

    python benchmarks/estimators.py > table.md

Facts come from benchmarks/data (see SOURCES.md there). An error is |estimated / measured - 1|.
"""

import csv
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, cast

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import nn
from torch.nn import functional as F

from autocompress.compress.students.base import Student
from autocompress.measure import arena
from autocompress.measure.estimators._layer import Layer
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.estimators.convolutions import Point, _fit
from autocompress.measure.estimators.greedy_arena import WEIGHTED
from autocompress.measure.estimators.layer_table import read as table_of
from autocompress.measure.estimators.layer_table import resembling
from autocompress.measure.export import to_onnx
from autocompress.measure.graph import Graph, Kind, Operation, Tensor
from autocompress.measure.graph_of_file import read
from autocompress.plugin import make

DATA = Path(__file__).parent / "data"
NOTHING_SAID = {"error": {"p90": "0 %"}}
DEPTHWISE = 1.3  # cycles of a depthwise MAC per cycle of a pointwise one: two tasks cannot tell the two apart


# ---- the four networks of MLPerf Tiny


class MobileNetV1(nn.Sequential):
    """Visual wake words: width 0.25, 96 x 96, padded as TensorFlow does."""

    def __init__(self) -> None:
        parts: list[nn.Module] = [_Conv(3, 8, 3, 2)]
        before = 8
        for times, stride in ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *[(16, 1)] * 5, (32, 2), (32, 1)):
            parts += [_Conv(before, before, 3, stride, before), _Conv(before, 8 * times, 1, 1)]
            before = 8 * times
        super().__init__(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 2))


class _Conv(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv(F.pad(x, (0, 1, 0, 1)) if self.conv.stride[0] == 2 else x))


def autoencoder() -> nn.Module:
    """Anomaly detection: ten matrices."""
    widths = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
    pairs = pairwise(widths)
    layers = [part for a, b in pairs for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def graph_of(net: nn.Module, inputs: tuple[int, int, int]) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.onnx"
        to_onnx(net, inputs, file)
        return read(file).in_bits(8)


@cache
def references() -> dict[str, Graph]:
    def student(inputs: tuple[int, int, int], classes: int, **settings: object) -> Graph:
        return graph_of(make(Student, settings).build(inputs, classes), inputs)

    return {
        "ic": student((3, 32, 32), 10, use="resnet", depth=8),
        "ic02": student((3, 32, 32), 10, use="resnet", depth=8, width=40),
        "vww": graph_of(MobileNetV1(), (3, 96, 96)),
        "kws": student((1, 49, 10), 12, use="dscnn", kernel=(10, 4)),
        "ad": graph_of(autoencoder(), (1, 1, 640)),
    }


# ---- microcontrollers: latency and energy

ENGINES = {  # what its makers call it -> engines that behave alike
    r"X-CUBE-AI v(7|8\.0)": "Cube.AI up to 8.0",
    r"X-CUBE-AI v(8\.1|9|10)": "Cube.AI from 8.1",
    r"HALE": "HALE",
    r"Plumerai Inference Engine 2023": "Plumerai 2023",
    r"Plumerai Inference Engine$": "Plumerai up to 2022",
    r"microTVM": "microTVM with CMSIS-NN",
    r"ONNC": "ONNC",
}
CHIPS = {  # chip, as it stands in the names of systems -> core
    **dict.fromkeys(("L4R5", "M467", "4343W"), "Cortex-M4"),
    **dict.fromkeys(("U575", "U585", "U385", "NRF5340", "RA6M4"), "Cortex-M33"),
    **dict.fromkeys(("H7A3", "F746"), "Cortex-M7"),
    **{"G0B1": "Cortex-M0+", "RX65N": "RXv2", "RA8D1": "Cortex-M85"},
}
UNITS = {"m": 1e6, "g": 1e9}


class System(NamedTuple):
    """A board with a runtime, and what it was measured to take, in seconds by task."""

    round: str
    engine: str
    chip: str
    clock: float
    name: str
    took: dict[str, float]
    joules: dict[str, float]
    slow: dict[str, float]  # seconds while the energy was measured


def systems() -> list[System]:
    found = []
    with (DATA / "mlperf_tiny.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["benchmark"] in ("ic", "vww", "kws", "ad")]

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[k] for k in ("round", "submitter", "system", "framework", "clock"))

    for (when, _, name, framework, clock), group in groupby(sorted(rows, key=key), key):
        mine = [row for row in group if not row["accelerator"]]
        chip = next((chip for chip in CHIPS if re.search(chip, name, re.I)), "")
        engine = next((e for pattern, e in ENGINES.items() if re.search(pattern, framework)), framework or name)
        other = re.search(r"float|max_perf|min_ram|native|fp32", name, re.I)
        hertz = re.match(r"([\d.]+) ?([MG])", clock, re.I)
        if not mine or not chip or other or not hertz:
            continue
        found.append(
            System(
                when,
                engine,
                chip,
                float(hertz[1]) * UNITS[hertz[2].lower()],
                name,
                {row["benchmark"]: float(row["latency_ms"]) / 1e3 for row in mine},
                {row["benchmark"]: float(row["energy_uJ_per_inf"]) / 1e6 for row in mine if row["energy_uJ_per_inf"]},
                {
                    row["benchmark"]: 1 / float(row["energy_run_throughput_inf_s"])
                    for row in mine
                    if row["energy_run_throughput_inf_s"]
                },
            )
        )
    return [s for s in found if len(s.took) == 4]


class Shape(NamedTuple):
    """Cycles per MAC, those of full convolutions being 1; per operation in cycles."""

    pointwise: float
    linear: float
    per_op: float
    round_to: int

    def told(self, task: str, clock: float) -> float:
        graph = references()[task]
        cycles = {"conv2d": 1.0, "pointwise": self.pointwise, "depthwise": DEPTHWISE * self.pointwise}
        settings = {
            "cycles_per_mac": {**cycles, "linear": self.linear},
            "per_op": f"{self.per_op / clock} s",
            "round_to": self.round_to,
            **NOTHING_SAID,
        }
        return make(Estimator, {"use": "op_cycles", **settings}).estimate(graph, Board(clock), {})


START = np.log([1.6, 1.4, 2000.0])
TASKS = ("vww", "kws", "ad")


def fitted(some: Sequence[System], round_to: Sequence[int]) -> Shape:
    """What these systems have in common; each has a pace of its own."""

    def off(parameters: "np.ndarray[tuple[int], np.dtype[np.float64]]", to: int) -> list[float]:
        shape, logs = Shape(*np.exp(parameters), to), []
        for system in some:
            apart = np.log([shape.told(t, system.clock) / took for t, took in system.took.items()])
            logs += list(apart - apart.mean())
        return [*logs, *(0.1 * (parameters - START))]

    fits = [(least_squares(off, START, args=(to,)), to) for to in round_to]
    best, to = min(fits, key=lambda fit: fit[0].cost)
    return Shape(*np.exp(best.x), to)


def chip_held_out(round_to: Sequence[int], calibrated: bool) -> Iterator[tuple[System, str, float]]:
    """Signed errors. The shape is from other chips under the same engine; the pace from one task here, if calibrated,
    else from other chips with the same core."""
    every = systems()
    for engine in sorted({s.engine for s in every}):
        family = [s for s in every if s.engine == engine]
        for chip in sorted({s.chip for s in family}):
            others = [s for s in family if s.chip != chip]
            if not others:
                continue
            shape = fitted(others, round_to)
            alike = [o.took["ic"] / shape.told("ic", o.clock) for o in others if CHIPS[o.chip] == CHIPS[chip]]
            for system in (s for s in family if s.chip == chip):
                pace = system.took["ic"] / shape.told("ic", system.clock)
                if not calibrated:
                    if not alike:
                        continue
                    pace = float(np.exp(np.mean(np.log(alike))))
                for task in TASKS if calibrated else ("ic", *TASKS):
                    yield system, task, pace * shape.told(task, system.clock) / system.took[task] - 1


def macs_alone() -> Iterator[tuple[System, str, float]]:
    graphs = references()
    for system in systems():
        pace = system.took["ic"] / graphs["ic"].macs
        for task in TASKS:
            yield system, task, pace * graphs[task].macs / system.took[task] - 1


def energy() -> Iterator[float]:
    """Power from one task tells the energy of the others."""
    for system in systems():
        if not {"ic"} <= system.joules.keys() & system.slow.keys():
            continue
        power = system.joules["ic"] / system.slow["ic"]
        plug = make(Estimator, {"use": "power_times_latency", "power": f"{power} W", **NOTHING_SAID})
        for task in TASKS:
            if task in system.joules:
                graph = references()[task]
                yield plug.estimate(graph, Board(), {"latency": system.slow[task]}) / system.joules[task] - 1


# ---- this kind of CPU: latency


class Timed(NamedTuple):
    family: str
    layers: tuple[Layer, ...]
    seconds: float


def nets(bits: int) -> list[Timed]:
    with (DATA / "ort_nets.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (DATA / "ort_nets_layers.csv").open(newline="") as stream:
        parts = [(row.pop("net"), row) for row in csv.DictReader(stream)]
    words = ("op", "activation")
    found: dict[str, list[Layer]] = {}
    for net, row in parts:
        layer = Layer(**{k: v if k in words else int(v) for k, v in row.items()})
        found.setdefault(net, []).append(layer._replace(bits=bits))
    column = "float_seconds" if bits == 32 else "int8_seconds"
    return [Timed(row["family"], tuple(found[row["net"]]), float(row[column])) for row in rows]


Learner = Callable[[Sequence[Timed]], Callable[[Timed], float]]


def by_macs(round_to: int) -> Learner:
    def learn(seen: Sequence[Timed]) -> Callable[[Timed], float]:
        def work(net: Timed) -> float:
            return float(sum(layer.padded(round_to) for layer in net.layers))

        took = np.array([net.seconds for net in seen])
        design = np.array([[work(net), 1.0] for net in seen]) / took[:, None]
        slope, fixed = np.linalg.lstsq(design, np.ones(len(seen)), rcond=None)[0]
        return lambda net: float(slope * work(net) + fixed)

    return learn


def by_convolutions(seen: Sequence[Timed]) -> Callable[[Timed], float]:
    return lambda net: _fit(tuple(Point(n.layers, n.seconds) for n in seen))(net.layers)


def by_table(known: bool) -> Learner:
    """The table of layers with a and b fitted; or without the layers of the net that is asked for."""
    table = table_of(DATA / "ort_layers.csv", 0)

    def total(net: Timed, without: set[Layer]) -> float:
        some = {layer: t for layer, t in table.items() if layer not in without} if without else table
        return sum(some.get(layer) or resembling(layer, some, 3) for layer in net.layers)

    def learn(seen: Sequence[Timed]) -> Callable[[Timed], float]:
        took = np.array([net.seconds for net in seen])
        design = np.array([[total(net, set()), -len(net.layers)] for net in seen]) / took[:, None]
        a, b = np.linalg.lstsq(design, np.ones(len(seen)), rcond=None)[0]

        def tell(net: Timed) -> float:
            mine = {layer for layer in net.layers if layer.macs}
            return float(a * total(net, set() if known else mine) - b * len(net.layers))

        return tell

    return learn


def learned(timed: Sequence[Timed], learn: Learner, many: int, draws: int) -> list[float]:
    """Errors on nets that were not among the `many` it learned from."""
    chance, off = np.random.default_rng(0), []
    for _ in range(draws):
        order = chance.permutation(len(timed))
        tell = learn([timed[i] for i in order[:many]])
        off += [abs(tell(timed[i]) / timed[i].seconds - 1) for i in order[many:]]
    return off


# ---- memory

PUBLISHED = {  # KiB: most alive, greedy plan, smallest arena of TensorFlow Lite Micro; operations our graphs leave out
    "ic": (48.0, 48.0, 54.7, 2),
    "ic02": (120.0, 120.0, 130.6, 2),
    "vww": (54.0, 72.0, 101.2, 2),
    "kws": (15.6, 15.6, 23.7, 2),
    "ad": (0.75, 0.75, 4.6, 0),
}


class Arena(NamedTuple):
    """A .tflite file, and the bytes that two runtimes took for it."""

    file: str
    graph: Graph
    micro: float
    lite: float


@cache
def arenas() -> list[Arena]:
    def rows(name: str) -> list[dict[str, str]]:
        with (DATA / name).open(newline="") as stream:
            return list(csv.DictReader(stream))

    found, steps, tensors = [], rows("arena_operations.csv"), rows("arena_tensors.csv")
    for row in rows("arenas.csv"):
        mine = [step for step in steps if step["file"] == row["file"]]
        sizes = {t["tensor"]: Tensor((int(t["bytes"]),), 8) for t in tensors if t["file"] == row["file"]}
        operations = tuple(
            Operation(
                cast(Kind, step["kind"]),
                f"{place}",
                tuple(step["reads"].split()),
                tuple(step["writes"].split()),
                shape_out=(1, int(step["channels"])),
            )
            for place, step in enumerate(mine)
        )
        written = {name for operation in operations for name in operation.writes}
        graph = Graph(
            operations,
            MappingProxyType(sizes),
            tuple(name for name in sizes if name not in written),
            operations[-1].writes,
        )
        found.append(Arena(row["file"], graph, float(row["tflite_micro"]), float(row["tflite"])))
    return found


KEPT = ("per_op", "per_weighted", "per_channel", "fixed")


def kept_by(graph: Graph) -> list[float]:
    """How many of each that a runtime keeps something for."""
    weighted = sum(operation.kind in WEIGHTED for operation in graph.operations)
    return [len(graph.operations), weighted, arena.channels(graph), 1]


def kept_bytes(some: Sequence[Arena]) -> dict[str, str]:
    """Fitted to what these files take beside their plans."""
    real = np.array([each.micro for each in some])
    beside = real - [arena.height(arena.buffers(each.graph)) for each in some]
    design = np.array([kept_by(each.graph) for each in some])
    fitted_, *_ = np.linalg.lstsq(design / real[:, None], beside / real, rcond=None)
    return {name: f"{value} B" for name, value in zip(KEPT, fitted_, strict=True)}


ROUND = {"per_op": "176 B", "per_weighted": "66 B", "per_channel": "8 B", "fixed": "850 B"}
OLDER = {"per_op": "275 B", "per_channel": "8 B"}
LITE = {"planner": "tflite", "input_kept": True, "in_place": ["add"]}


def bytes_of(graph: Graph, settings: Mapping[str, object]) -> float:
    return make(Estimator, {"use": "greedy_arena", **settings, **NOTHING_SAID}).estimate(graph, Board(), {})


def family(each: Arena) -> str:
    return each.file.split()[0].partition("_96")[0].rstrip("0123456789")


# ---- tables

BEST = "the same, channels in fours if that fits the other chips better"


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*names: str) -> str:
    return "\n".join((row(*names), row(*["---"] * len(names))))


def summary(errors: Iterable[float]) -> tuple[str, ...]:
    found = np.abs(list(errors))
    return tuple(f"{100 * x:.1f} %" for x in (np.median(found), np.mean(found), np.quantile(found, 0.9), found.max()))


def microcontrollers() -> None:
    print("## Latency on microcontrollers, the chip held out\n")
    print(f"{len(systems())} systems of MLPerf Tiny, int8, all four tasks. Goal: median <= 20 %.\n")
    print(head("model", "median", "mean", "p90", "worst", "cases"))
    cases = {
        "macs, one point (IC)": list(macs_alone()),
        "op_cycles, shape of the engine, one point (IC)": list(chip_held_out((1,), True)),
        "the same, channels in fours": list(chip_held_out((4,), True)),
        BEST: list(chip_held_out((1, 4), True)),
        "the same, no point: the clock and other chips with this core": list(chip_held_out((1, 4), False)),
    }
    for name, found in cases.items():
        print(row(name, *summary(e for *_, e in found), len(found)))
    print("\nThe third row by engine: median of each task, then all three. The shape as it is fitted to all of them.\n")
    shape = "cycles of pointwise, linear, an operation; channels in"
    print(head("engine", "chips", "systems", shape, "VWW", "KWS", "AD", "median", "mean", "p90", "worst"))
    found = cases[BEST]
    for engine in sorted({s.engine for s, *_ in found}):
        mine = [(s, t, e) for s, t, e in found if s.engine == engine]
        tasks = [f"{100 * np.median([abs(e) for _, t, e in mine if t == task]):.0f} %" for task in TASKS]
        chips, names = {s.chip for s, *_ in mine}, {(s.round, s.name) for s, *_ in mine}
        fit = fitted([s for s in systems() if s.engine == engine], (1, 4))
        text = f"{fit.pointwise:.2f}, {fit.linear:.2f}, {fit.per_op:.0f}; {fit.round_to}"
        print(row(engine, len(chips), len(names), text, *tasks, *summary(e for *_, e in mine)))
    print("\n## Energy: power of one task x time of another\n")
    off = list(energy())
    print(head("cases", "median", "mean", "p90", "worst"))
    print(row(len(off), *summary(off)))


def memory() -> None:
    print("\n## Memory: MLPerf Tiny's networks built from their descriptions (KiB; the arena as published)\n")
    print(head("task", "most alive", "plan", "published", "estimated arena", "published", "error"))
    for task, (alive, plan, real, more) in PUBLISHED.items():
        graph = references()[task]
        found = arena.buffers(graph)
        told = bytes_of(graph, {**ROUND, "fixed": f"{850 + 176 * more} B"}) / 1024
        ours = (f"{arena.most_alive(found) / 1024:.1f}", f"{arena.height(found) / 1024:.1f}")
        print(row(task, *ours, f"{alive} / {plan}", f"{told:.1f}", real, f"{100 * (told / real - 1):+.1f} %"))
    every = arenas()
    held = {each.file: kept_bytes([e for e in every if family(e) != family(each)]) for each in every}
    print(f"\n## Memory: {len(every)} .tflite files of our students, float and int8, run on the host\n")
    print(
        "Fitted to all: " + ", ".join(f"{name} {float(v[:-2]):.0f} B" for name, v in kept_bytes(every).items()) + "\n"
    )
    print(head("runtime", "estimator", "median", "mean", "p90", "worst"))
    cases: dict[tuple[str, str], list[float]] = {
        ("TensorFlow Lite Micro", "most alive"): [
            arena.most_alive(arena.buffers(e.graph)) / e.micro - 1 for e in every
        ],
        ("TensorFlow Lite Micro", "275 B an operation"): [bytes_of(e.graph, OLDER) / e.micro - 1 for e in every],
        ("TensorFlow Lite Micro", "fitted, the family held out"): [
            bytes_of(e.graph, held[e.file]) / e.micro - 1 for e in every
        ],
        ("TensorFlow Lite", "planner tflite"): [bytes_of(e.graph, LITE) / e.lite - 1 for e in every],
    }
    for names, off in cases.items():
        print(row(*names, *summary(off)))


def simplest() -> None:
    """MACs alone on the 90 nets of an earlier machine."""
    with (DATA / "ort_epyc_models.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    print(f"\n## Latency of ONNX Runtime by MACs alone, {len(rows)} random nets of another machine\n")
    print(head("what", *(f"{k} nets: mean / p90" for k in (3, 5, 10, 45))))
    for column in ("fp32_min_ms", "int8_min_ms"):
        timed = [
            Timed("", (Layer("linear", sum(int(r[f"{op}_macs"]) for op in OPS), 1, 1, 1),), float(r[column]) / 1e3)
            for r in rows
        ]
        cells = [learned(timed, by_macs(1), many, 100) for many in (3, 5, 10, 45)]
        print(row(column, *(f"{100 * np.mean(c):.0f} / {100 * np.quantile(c, 0.9):.0f} %" for c in cells)))


OPS = ("conv", "pw", "dw", "fc")


def processors() -> None:
    learners: dict[str, Learner] = {
        "macs": by_macs(1),
        "macs, channels in eights": by_macs(8),
        "macs, channels in sixteens": by_macs(16),
        "convolutions": by_convolutions,
        "layer_table, every shape known": by_table(True),
        "layer_table, nearest 3 for its own layers": by_table(False),
    }
    for bits, name in ((32, "float32"), (8, "int8")):
        timed = nets(bits)
        print(f"\n## Latency of ONNX Runtime, {name}, {len(timed)} nets, those that are asked for held out\n")
        print(head("model", *(f"{k} nets: mean / p90" for k in (4, 8, 12, 20, 40)), "rank"))
        for label, learn in learners.items():
            cells = []
            for many in (4, 8, 12, 20, 40):
                off = learned(timed, learn, many, 8)
                cells.append(f"{100 * np.mean(off):.0f} / {100 * np.quantile(off, 0.9):.0f} %")
            print(row(label, *cells, f"{ranks(timed, learn):.2f}"))


def ranks(timed: Sequence[Timed], learn: Learner) -> float:
    """Spearman's correlation on nets that were not seen, after 20."""
    from scipy.stats import spearmanr

    tell = learn(timed[:20])
    return float(spearmanr([tell(n) for n in timed[20:]], [n.seconds for n in timed[20:]]).statistic)


def main() -> None:
    microcontrollers()
    memory()
    simplest()
    processors()


if __name__ == "__main__":
    main()
