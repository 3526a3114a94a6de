"""What a device's file tells of a model without the device: numbers with their errors, or why there are none."""

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

from autocompress.errors import Failure
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.graph import Graph
from autocompress.plugin import make
from autocompress.values.device import Device
from autocompress.values.measurement import Measurement

LATENCIES = ("latency_p50", "latency_p95", "latency_p99", "latency_mean")
FOLLOWS = {"throughput": ("latency",), "power": ("energy", "latency")}  # metric -> what it is made of
NINE_IN_TEN = 1.645  # standard errors: how wide nine of ten errors lie


class Estimates(NamedTuple):
    found: tuple[Measurement, ...]
    reasons: dict[str, str]  # metric -> why it is not known


def estimated(device: Device, graph: Graph, known: Mapping[str, float], on: str, wanted: Collection[str]) -> Estimates:
    """An estimate does not know how a latency spreads: it stands for the median, and for any other that is `wanted`.

    `known` is what was measured already, by metric; those estimators that need others come after them, and last what
    follows from any of them: images a second, and the power that is drawn.
    """
    found: list[Measurement] = []
    unknown: dict[str, str] = {}  # what nobody can tell -> why
    reasons: dict[str, str] = {}
    errors: dict[str, float] = {}  # of what is estimated, relative: nine in ten are no larger
    values = {"latency": known["latency_p50"], **known} if "latency_p50" in known else dict(known)
    waiting = {name: make(Estimator, plug) for name, plug in device.estimators.items() if device.estimator(name)}
    while waiting:
        name = next((n for n, e in waiting.items() if not set(e.needs) & waiting.keys()), next(iter(waiting)))
        estimator = waiting.pop(name)
        metrics = [m for m in LATENCIES if m == LATENCIES[0] or m in wanted] if name == "latency" else [name]
        try:
            if lacking := next((need for need in estimator.needs if need in unknown), None):
                raise Failure("measure", unknown[lacking])
            values[name] = estimator.estimate(graph, Board.of(device), values)
        except Failure as failure:
            unknown[name] = str(failure)  # the reason for all that would follow from it, too
            reasons |= dict.fromkeys(metrics, str(failure))
            continue
        if name == "peak_ram":
            values[name] += device.runtime.ram_runtime
        errors[name] = estimator.error.p90
        found += [_told(metric, values[name], errors[name], f"{on}, {_by(device, name)}") for metric in metrics]
    for metric, parts in FOLLOWS.items():
        mine = [name for name in parts if name in errors]
        if metric not in wanted or not (mine or unknown.keys() & set(parts)):
            continue  # it is measured, or nobody asks
        try:
            value = _following(metric, values, unknown)
        except Failure as failure:
            reasons[metric] = str(failure)
            continue
        error = math.hypot(*(errors[name] for name in mine))
        by = " and ".join(_by(device, name) for name in mine)
        found.append(_told(metric, value, error, f"{on}, from {' and '.join(parts)}, {by}"))
    return Estimates(tuple(found), reasons)


def _following(metric: str, values: Mapping[str, float], unknown: Mapping[str, str]) -> float:
    for name in FOLLOWS[metric]:
        if name in unknown or not values.get(name):
            raise Failure("measure", unknown.get(name, f"{metric} follows from the {name}, which is not known"))
    return (values["energy"] if metric == "power" else 1.0) / values["latency"]


def _by(device: Device, name: str) -> str:
    return f"{device.id} by {device.estimators[name]['use']}"


def _told(metric: str, value: float, error: float, on: str) -> Measurement:
    return Measurement(
        metric=metric,
        value=value,
        how="estimated",
        on=on,
        spread=value * error / NINE_IN_TEN,
        note=f"within {error * 100:.3g} % in nine of ten cases",
    )
