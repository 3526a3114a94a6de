"""A model against the uncompressed baseline, in words that the numbers carry: `3.4x smaller`, `−0.3 points`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autocompress.reports.grid import cell
from autocompress.values.domination import SURE
from autocompress.values.measurement import Measurement, by_metric, within_noise
from autocompress.values.metric import known

WORDS = {  # metric -> (when the number falls, when it rises)
    "size": ("smaller", "larger"),
    "size_packed": ("smaller without its zeros", "larger without its zeros"),
    "size_lzma": ("smaller after LZMA", "larger after LZMA"),
    "latency_p50": ("faster", "slower"),
    "latency_p95": ("faster at the 95 % mark", "slower at the 95 % mark"),
    "params": ("fewer parameters", "more parameters"),
    "macs": ("fewer MACs", "more MACs"),
    "peak_ram": ("less peak memory", "more peak memory"),
    "flash": ("less flash", "more flash"),
    "energy": ("less energy", "more energy"),
    "throughput": ("less throughput", "more throughput"),
}
MINUS = "−"


@dataclass(frozen=True)
class Against:
    """One metric compared: `amount` and `word` make the claim, `before` and `after` are the numbers behind it."""

    metric: str
    amount: str
    word: str
    before: str
    after: str
    interval: str = ""  # of a difference in points: 95 %

    def __str__(self) -> str:
        return f"{self.amount} {self.word}"


def against(
    model: Sequence[Measurement], baseline: Sequence[Measurement], metrics: Sequence[str] | None = None
) -> list[Against]:
    """One comparison for each of `metrics` (all that have words, if None) that both sides know in the same way.

    An estimate is never compared with a measurement: such a metric is left out.
    """
    new, old = by_metric(tuple(model)), by_metric(tuple(baseline))
    wanted = [*WORDS, "accuracy"] if metrics is None else metrics
    return [
        _compared(old[m], new[m])
        for m in dict.fromkeys(wanted)
        if m in new and m in old and (new[m].how == "estimated") == (old[m].how == "estimated")
    ]


def _compared(old: Measurement, new: Measurement) -> Against:
    metric = new.metric
    before, after = cell(old), cell(new)
    title = known(metric).title
    if old.value == new.value and not (old.spread or new.spread):
        return Against(metric, "same", title, before, after)
    if within_noise(old, new, SURE):
        return Against(metric, "no difference", f"beyond noise in {title}", before, after, _interval(old, new))
    if known(metric).unit == "fraction":
        word = "points" if metric == "accuracy" else f"points {title}"
        return Against(metric, points(new.value - old.value), word, before, after, _interval(old, new))
    if metric in WORDS and old.value > 0 and new.value > 0:
        falls, rises = WORDS[metric]
        ratio = max(old.value / new.value, new.value / old.value)
        return Against(metric, times(ratio), falls if new.value < old.value else rises, before, after)
    return Against(metric, f"{before} → {after}", title, before, after)


def _interval(old: Measurement, new: Measurement) -> str:
    """Of the difference of two fractions, where both have a spread."""
    if known(new.metric).unit != "fraction" or old.spread is None or new.spread is None:
        return ""
    middle, half = new.value - old.value, SURE * math.hypot(old.spread, new.spread)
    return f"95 % interval {points(middle - half)} to {points(middle + half)} points"


def times(ratio: float) -> str:
    """`3.4x`, with as many digits as tell it from 1."""
    digits = 0 if ratio >= 100 else 1 if ratio >= 1.1 else 2 if ratio >= 1.01 else 3
    return f"{ratio:.{digits}f}x"


def points(difference: float) -> str:
    """A difference of two fractions in percentage points, with a true minus sign: `−0.3`."""
    size = abs(difference) * 100
    text = f"{size:.1f}" if size >= 0.1 else f"{size:.2f}"
    sign = "" if float(text) == 0 else MINUS if difference < 0 else "+"
    return sign + text
