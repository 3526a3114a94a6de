"""Memory of microcontrollers: the plan that their runtimes make, and what they keep beside it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from autocompress.config.units import Bytes
from autocompress.measure import arena
from autocompress.measure.estimators.base import Board, Estimator, Metric
from autocompress.measure.graph import CONVOLUTIONS, Graph, Kind

WEIGHTED = (*CONVOLUTIONS, "linear")


class GreedyArena(Estimator):
    """Peak memory: scale x plan + operations x per_op + those with weights x per_weighted + channels of convolutions x
    per_channel + fixed.

    TensorFlow Lite Micro keeps 176 B per operation, 66 B more where it has weights, 8 B per channel and 850 B; a code
    generator nothing. TensorFlow Lite plans otherwise, keeps the input and adds in place.
    """

    metric: ClassVar[Metric] = "peak_ram"

    scale: Annotated[float, Field(gt=0, strict=False)] = 1.0
    planner: arena.Planner = "tflite-micro"
    per_op: Bytes = 0.0
    per_weighted: Bytes = 0.0
    per_channel: Bytes = 0.0
    fixed: Bytes = 0.0
    explicit_pads: bool = False  # of an .onnx that is shipped as .tflite: its lines of zeros become operations
    input_kept: bool = False  # until the end, as TensorFlow Lite does; its twin for microcontrollers does not
    in_place: tuple[Kind, ...] = ()  # operations that write over what they read, where nobody reads it any more
    scratch: arena.Scratch = "none"  # what kernels need while they run

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        deployed = arena.padded(graph) if self.explicit_pads else graph
        needed = arena.buffers(deployed, input_kept=self.input_kept, in_place=self.in_place, scratch=self.scratch)
        if not board.io_in_arena:
            needed = [one for one in needed if one.name not in (*graph.inputs, *graph.outputs)]
        weighted = sum(operation.kind in WEIGHTED for operation in deployed.operations)
        kept = len(deployed.operations) * self.per_op + weighted * self.per_weighted
        kept += arena.channels(deployed) * self.per_channel + self.fixed
        return self.scale * arena.height(needed, self.planner) + kept
