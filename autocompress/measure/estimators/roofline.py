"""An operation waits for arithmetic or for memory, whichever takes longer (Williams et al. 2009)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from autocompress.config.units import BytesPerSecond, Count, Seconds
from autocompress.errors import Failure
from autocompress.measure.estimators._layer import layer
from autocompress.measure.estimators.base import Board, Estimator, Metric
from autocompress.measure.graph import Graph, Operation

Rate = Annotated[Count, Field(gt=0)]


class Peaks(BaseModel):
    # fitted to what was measured: datasheets promise up to ten times more
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    int8: Rate | None = None
    float16: Rate | None = None
    float32: Rate | None = None

    def of(self, operation: Operation) -> float:
        name = "int8" if operation.bits <= 8 else "float16" if operation.bits <= 16 else "float32"
        found: float | None = getattr(self, name)
        if found is None:
            raise Failure("measure", f"roofline knows no macs_per_second in {name}")
        return found


class Roofline(Estimator):
    """Latency of NPUs and GPUs: sum of max(MACs / macs_per_second, bytes / bandwidth) + operations x per_op + fixed."""

    metric: ClassVar[Metric] = "latency"

    macs_per_second: Peaks
    bandwidth: Annotated[BytesPerSecond, Field(gt=0)]
    per_op: Seconds = 0.0
    fixed: Seconds = 0.0
    round_to: Annotated[int, Field(ge=1, le=256)] = 1

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        return sum(self._one(graph, operation) for operation in graph.operations) + self.fixed

    def _one(self, graph: Graph, operation: Operation) -> float:
        work = operation.macs if self.round_to == 1 else layer(operation).padded(self.round_to)
        arithmetic = work / self.macs_per_second.of(operation) if work else 0.0
        return max(arithmetic, graph.moved(operation) / self.bandwidth) + self.per_op
