"""Microcontrollers run each kind of operation at a pace of its own, whatever its shape."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from autocompress.config.units import Seconds
from autocompress.errors import Failure
from autocompress.measure.estimators._layer import layer
from autocompress.measure.estimators.base import Board, Estimator, Metric
from autocompress.measure.graph import Graph, Operation

Cycles = Annotated[float, Field(gt=0, strict=False)]


class CyclesPerMac(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    conv2d: Cycles
    pointwise: Cycles
    depthwise: Cycles
    linear: Cycles

    def of(self, operation: Operation) -> float:
        match operation.kind:
            case "conv2d":
                return self.conv2d
            case "pointwise":
                return self.pointwise
            case "depthwise_conv2d":
                return self.depthwise
            case _:  # products of two activations too
                return self.linear


class OpCycles(Estimator):
    """Latency from cycles per MAC of each kind of operation: sum(cycles x MACs) / clock + operations x per_op + fixed.

    For an engine that runs `dtype`; between engines the numbers differ by up to four times. Channels count as multiples
    of `round_to`, which matters where an image has one or three.
    """

    metric: ClassVar[Metric] = "latency"
    needs_clock: ClassVar[bool] = True

    cycles_per_mac: CyclesPerMac
    dtype: Literal["int8", "float32"] = "int8"
    per_op: Seconds = 0.0
    fixed: Seconds = 0.0
    round_to: Annotated[int, Field(ge=1, le=256)] = 1

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        wide = sum(o.macs for o in graph.operations if o.bits > 8)
        if self.dtype == "int8" and wide:
            raise Failure("measure", f"op_cycles speaks of int8; {wide} of {graph.macs} MACs are done in more bits")
        if self.dtype == "float32" and wide < graph.macs:
            raise Failure("measure", f"op_cycles speaks of float32; {graph.macs - wide} MACs are done in int8")
        cycles = sum(self._work(operation) * self.cycles_per_mac.of(operation) for operation in graph.operations)
        return cycles / board.clock + len(graph.operations) * self.per_op + self.fixed

    def _work(self, operation: Operation) -> int:
        return layer(operation).padded(self.round_to) if self.round_to > 1 else operation.macs
