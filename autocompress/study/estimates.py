"""What a device's file tells of a model without the device: numbers with their errors, or why there are none."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from autocompress.errors import Failure
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.graph import Graph
from autocompress.plugin import make
from autocompress.values.device import Device
from autocompress.values.measurement import Measurement

LATENCIES = ("latency_p50", "latency_p95", "latency_p99", "latency_mean")
NINE_IN_TEN = 1.645  # standard errors: how wide nine of ten errors lie


class Estimates(NamedTuple):
    found: tuple[Measurement, ...]
    reasons: dict[str, str]  # metric -> why it is not known


def estimated(device: Device, graph: Graph, known: Mapping[str, float], on: str, wanted: Collection[str]) -> Estimates:
    """An estimate does not know how a latency spreads: it stands for the median, and for any other that is `wanted`.

    `known` is what was measured already, by metric; those estimators that need others come after them.
    """
    found: list[Measurement] = []
    reasons: dict[str, str] = {}
    unknown: dict[str, Failure] = {}
    values = {"latency": known["latency_p50"], **known} if "latency_p50" in known else dict(known)
    waiting = {name: make(Estimator, plug) for name, plug in device.estimators.items() if device.estimator(name)}
    while waiting:
        name = next((n for n, e in waiting.items() if not set(e.needs) & waiting.keys()), next(iter(waiting)))
        estimator = waiting.pop(name)
        metrics = [m for m in LATENCIES if m == LATENCIES[0] or m in wanted] if name == "latency" else [name]
        try:
            if lacking := next((need for need in estimator.needs if need in unknown), None):
                raise unknown[lacking]
            values[name] = estimator.estimate(graph, Board.of(device), values)
        except Failure as failure:
            unknown[name] = failure  # the reason for all that would follow from it, too
            reasons |= dict.fromkeys(metrics, str(failure))
            continue
        if name == "peak_ram":
            values[name] += device.runtime.ram_runtime
        error, use = estimator.error.p90, device.estimators[name]["use"]
        one = Measurement(
            metric=name,
            value=values[name],
            how="estimated",
            on=f"{on}, {device.id} by {use}",
            spread=values[name] * error / NINE_IN_TEN,
            note=f"within {error * 100:g} % in nine of ten cases",
        )
        found += [one.model_copy(update={"metric": metric}) for metric in metrics]
    return Estimates(tuple(found), reasons)
