"""The simplest that can be said of a latency. Right within one family of networks, wrong by a third across families."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from autocompress.config.units import Seconds
from autocompress.measure.estimators._layer import layers
from autocompress.measure.estimators.base import Board, Estimator, Metric
from autocompress.measure.graph import Graph


class Macs(Estimator):
    """Latency from MACs alone: MACs x cycles_per_mac / clock + fixed; channels count as multiples of `round_to`."""

    metric: ClassVar[Metric] = "latency"
    needs_clock: ClassVar[bool] = True

    cycles_per_mac: Annotated[float, Field(gt=0, strict=False)]
    fixed: Seconds = 0.0
    round_to: Annotated[int, Field(ge=1, le=256)] = 1

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        work = graph.macs if self.round_to == 1 else sum(each.padded(self.round_to) for each in layers(graph))
        return work * self.cycles_per_mac / board.clock + self.fixed
