"""Round numbers to write along an axis."""

import math
import re
from collections.abc import Iterator

from autocompress.values.metric import known, scaled_unit, show

STEPS = ((1, 2, 3, 5, 8), (1, 2, 5), (1, 3), (1,))  # within a decade


def label(metric: str, value: float) -> str:
    """`10 µs`, `97.5 %`: no zeros that say nothing."""
    number, *unit = show(metric, value).split(" ", 1)
    if "." in number:
        number = re.sub(r"\.?0+$", "", number)
    return " ".join([number, *unit])


def rows(metric: str, low: float, high: float, log: bool) -> Iterator[list[float]]:
    """Those between low and high, from dense to sparse. Even steps on a logarithmic axis only if it is short."""
    if log:
        yield from _powers(low, high) if known(metric).unit == "B" else _decades(low, high)
        if high >= 4 * low:
            return
    unit, _ = scaled_unit(metric, max(abs(low), abs(high)))
    size = math.floor(math.log10((high - low) / unit))
    for step in (float(f"{m}e{k}") * unit for k in (size - 1, size, size + 1) for m in (1, 2, 5)):
        yield [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _decades(low: float, high: float) -> Iterator[list[float]]:
    powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    for some in STEPS:
        yield [v for k in powers for m in some if low <= (v := float(f"{m}e{k}")) <= high]


def _powers(low: float, high: float) -> Iterator[list[float]]:
    """Bytes go by powers of two."""
    powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    for step in (1, 2, 3, 5, 10):
        yield [2.0**k for k in powers if k % step == 0]
