"""The numbers a model has: which way is better, in what unit, on which scale samplers should see them."""

import math
from typing import Literal, NamedTuple

Direction = Literal["maximize", "minimize"]
Scale = Literal["linear", "log"]


class Metric(NamedTuple):
    unit: str
    direction: Direction
    scale: Scale
    title: str


METRICS: dict[str, Metric] = {
    "accuracy": Metric("fraction", "maximize", "linear", "accuracy"),
    "top5": Metric("fraction", "maximize", "linear", "top-5 accuracy"),
    "nll": Metric("", "minimize", "linear", "negative log-likelihood"),
    "ece": Metric("fraction", "minimize", "linear", "calibration error"),
    "latency_p50": Metric("s", "minimize", "log", "latency (median)"),
    "latency_p95": Metric("s", "minimize", "log", "latency (95 %)"),
    "latency_p99": Metric("s", "minimize", "log", "latency (99 %)"),
    "latency_mean": Metric("s", "minimize", "log", "latency (mean)"),
    "size": Metric("B", "minimize", "log", "file size"),
    "size_packed": Metric("B", "minimize", "log", "size without zeros"),
    "size_lzma": Metric("B", "minimize", "log", "size after LZMA"),
    "sparsity": Metric("fraction", "maximize", "linear", "weights that are 0"),
    "params": Metric("", "minimize", "log", "parameters"),
    "params_nonzero": Metric("", "minimize", "log", "parameters that are not 0"),
    "macs": Metric("", "minimize", "log", "multiply-accumulates"),
    "bops": Metric("", "minimize", "log", "bit operations"),
    "peak_ram": Metric("B", "minimize", "log", "peak memory"),
    "flash": Metric("B", "minimize", "log", "flash"),
    "energy": Metric("J", "minimize", "log", "energy"),
    "power": Metric("W", "minimize", "log", "power"),
    "throughput": Metric("/s", "maximize", "log", "throughput"),
}


def known(name: str) -> Metric:
    """What is known of a metric; a stranger's metric is taken as it comes."""
    return METRICS.get(name, Metric("", "minimize", "linear", name))


def show(name: str, value: float, spread: float | None = None) -> str:
    """A number as people read it, in the unit that fits it."""
    unit = known(name).unit
    if not math.isfinite(value):
        return "?"
    if unit == "fraction":
        return f"{value * 100:.2f}" + (f" ± {spread * 100:.2f}" if spread else "") + " %"
    factor, word = _prefix(unit, abs(value))
    digits = _digits(abs(value) / factor, whole=word in ("", "B"))
    while spread and digits < 4 and round(spread / factor, digits) == 0:
        digits += 1  # "± 0.00" would say that there is no spread
    text = f"{value / factor:.{digits}f}"
    if spread:
        text += f" ± {spread / factor:.{digits}f}"
    return f"{text} {word}".rstrip()


def scaled_unit(name: str, value: float) -> tuple[float, str]:
    """The unit in which values of this size are read best: what to divide by, and its name."""
    return _prefix(known(name).unit, abs(value))


def _prefix(unit: str, size: float) -> tuple[float, str]:
    steps = {
        "s": [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
        "J": [(1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ")],
        "W": [(1.0, "W"), (1e-3, "mW"), (1e-6, "µW")],
        "B": [(2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")],
        "": [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")],
    }.get(unit, [(1.0, unit)])
    if size == 0:
        return next(step for step in steps if step[0] == 1.0)
    return next(((factor, word) for factor, word in steps if size >= factor * (1 - 5e-5)), steps[-1])  # 999.96 k is 1 M


def _digits(size: float, whole: bool) -> int:
    """Three or four digits that mean something."""
    if whole and size == int(size):
        return 0
    if 0 < size < 0.1:
        return min(1 - math.floor(math.log10(size)), 12)
    return 0 if size >= 1000 else 1 if size >= 100 else 2
