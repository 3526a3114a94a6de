"""Arenas of interpreters: what was published, what files took on the host, and what is fitted to it."""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple, cast

import numpy as np
from estimators_tiny import DATA, NOTHING_SAID

from autocompress.measure import arena
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.estimators.greedy_arena import WEIGHTED
from autocompress.measure.graph import Graph, Kind, Operation, Tensor
from autocompress.plugin import make

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
