"""Memory of microcontrollers: the plan that their runtimes make, and what they keep beside it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from autocompress.config.units import Bytes
from autocompress.measure import arena
from autocompress.measure.estimators.base import Board, Estimator, Metric
from autocompress.measure.graph import Graph, Kind


class GreedyArena(Estimator):
    """Peak memory: scale x plan + operations x per_op + channels of convolutions x per_channel + fixed.

    TensorFlow Lite Micro keeps 275 B per operation and 8 B per channel; a code generator neither.
    """

    metric: ClassVar[Metric] = "peak_ram"

    scale: Annotated[float, Field(gt=0, strict=False)] = 1.0
    per_op: Bytes = 0.0
    per_channel: Bytes = 0.0
    fixed: Bytes = 0.0
    explicit_pads: bool = False  # of an .onnx that is shipped as .tflite: its lines of zeros become operations
    input_kept: bool = False  # until the end, as TensorFlow Lite does; its twin for microcontrollers does not
    in_place: tuple[Kind, ...] = ()  # operations that write over what they read, where nobody reads it any more
    scratch: arena.Scratch = "none"  # what kernels need while they run

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        deployed = arena.padded(graph) if self.explicit_pads else graph
        needed = arena.buffers(deployed, input_kept=self.input_kept, in_place=self.in_place, scratch=self.scratch)
        kept = len(deployed.operations) * self.per_op + arena.channels(deployed) * self.per_channel + self.fixed
        return self.scale * arena.height(needed) + kept
