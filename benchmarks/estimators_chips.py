"""Latency and energy on microcontrollers, learned from other chips and other tasks than those that are asked for."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from estimators_tiny import DATA, NOTHING_SAID, references
from scipy.optimize import least_squares

from autocompress.measure.estimators.base import Board, Estimator
from autocompress.plugin import make

DEPTHWISE = 1.3  # cycles of a depthwise MAC per cycle of a pointwise one: two tasks cannot tell the two apart
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
