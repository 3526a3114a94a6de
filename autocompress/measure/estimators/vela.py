"""Arm's compiler for Ethos-U, asked what a file would take: it plans every transfer, as no formula of ours does."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from autocompress.errors import Failure
from autocompress.measure import workers
from autocompress.measure.estimators.base import Board, Estimator, Metric
from autocompress.measure.graph import Graph
from autocompress.measure.vela import WORKER, vela

Accelerator = Literal[
    "ethos-u55-32",
    "ethos-u55-64",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-256",
    "ethos-u65-512",
    "ethos-u85-128",
    "ethos-u85-256",
    "ethos-u85-512",
    "ethos-u85-1024",
    "ethos-u85-2048",
]


class Vela(Estimator):
    """Latency on an Arm Ethos-U, as Arm's own compiler estimates it from the .tflite file: cycles / clock.

    `system` and `memory` are sections of the compiler's vela.ini, the usual ones of the `accelerator` if they are not
    said. The clock is the device's, or the system's if the device has none. It needs an environment of its own:
    `autocompress runtimes install vela`.
    """

    metric: ClassVar[Metric] = "latency"

    accelerator: Accelerator
    system: str | None = None
    memory: str | None = None

    @property
    def missing(self) -> str:
        return workers.missing(WORKER)

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        if graph.source is None or graph.source.suffix != ".tflite":
            raise Failure("measure", "vela is asked about a .tflite file of integers, and this is none")
        found = vela(graph.source, self.accelerator, self.system, self.memory)
        if found.left:
            text = f"vela leaves {found.left} operations to the CPU, and does not say how long they take there"
            raise Failure("measure", text)
        return found.cycles / (board.clock_hz or found.clock)
