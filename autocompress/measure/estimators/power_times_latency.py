"""Small processors draw the same power whatever they compute."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from autocompress.config.units import Watts
from autocompress.errors import Failure
from autocompress.measure.estimators.base import Board, Estimator, Metric
from autocompress.measure.graph import Graph


class PowerTimesLatency(Estimator):
    """Energy of one inference: mean power, measured at this clock, voltage and regulator, times the latency."""

    metric: ClassVar[Metric] = "energy"
    needs: ClassVar[tuple[Metric, ...]] = ("latency",)

    power: Annotated[Watts, Field(gt=0)]

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        if "latency" not in known:
            raise Failure("measure", "power_times_latency needs the latency, which is not known")
        return self.power * known["latency"]
