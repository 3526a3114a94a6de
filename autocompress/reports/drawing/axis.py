"""The axis of one metric: its unit, its ends, its ticks, and which way is better."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from autocompress.values.limit import Objective
from autocompress.values.metric import known, scaled_unit

PLAIN = (1, 1.5, 2, 3, 5, 8)  # within a decade; between them the eye needs nothing
MOST_TICKS = 9
LONGEST = 30  # letters of a name; there is more to be written


@dataclass(frozen=True)
class Axis:
    metric: str
    title: str
    factor: float  # a value of the metric divided by this is a place on the axis
    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]
    better: int  # -1: low is better

    def at(self, value: float) -> float:
        return value / self.factor

    def inside(self, value: float) -> bool:
        return self.low <= self.at(value) <= self.high

    def share(self, place: float) -> float:
        """How far along the axis a place is: 0 at its start, 1 at its end."""
        if self.log:
            return math.log(place / self.low) / math.log(self.high / self.low)
        return (place - self.low) / (self.high - self.low)

    @property
    def channel(self) -> dict[str, Any]:
        """What an Altair channel along this axis wants."""
        kind: dict[str, Any] = {"type": "log"} if self.log else {"type": "linear", "zero": False}
        scale = alt.Scale(domain=[self.low, self.high], nice=False, clamp=True, **kind)
        return {"title": self.title, "scale": scale, "axis": alt.Axis(values=list(self.ticks), format=".12~g")}

    @property
    def worst(self) -> float:
        return self.high if self.better < 0 else self.low


def axis(objective: Objective, core: Sequence[float], more: Iterable[float] = ()) -> Axis:
    """Wide enough for `core` (the front); as much of `more` (other trials, limits) as does not squeeze it."""
    name, better = objective.metric, -1 if objective.direction == "minimize" else 1
    found = known(name)
    log = (objective.scale or found.scale) == "log" and min(core) > 0
    factor, unit = (0.01, "%") if found.unit == "fraction" else scaled_unit(name, _middle(core))
    arrow = "lower is better" if better < 0 else "higher is better"
    name_of = found.title if len(found.title) <= LONGEST else f"{found.title[: LONGEST - 1]}…"
    title = f"{name_of}{f', {unit}' if unit else ''} ({arrow})"
    forward, back = (math.log, math.exp) if log else (float, float)
    low, high = (forward(edge / factor) for edge in (min(core), max(core)))
    room = max(high - low, 0.35 if log else 0.02 * max(abs(high), 1e-9))
    every = [forward(v / factor) for v in more if v > 0 or not log]
    low, high = max(min([low, *every]), low - 1.0 * room), min(max([high, *every]), high + 1.0 * room)
    low, high = back(low - 0.06 * room), back(high + 0.06 * room)
    if unit == "%":
        low, high = max(low, 0.0), min(high, 100.0 + 0.02 * (100.0 - low))
    return Axis(name, title, factor, low, high, log, tuple(_log_ticks(low, high) if log else _ticks(low, high)), better)


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _ticks(low: float, high: float) -> list[float]:
    """About six round steps."""
    raw = (high - low) / 6
    step = 10 ** math.floor(math.log10(raw))
    step *= next(m for m in (1, 2, 5, 10) if m * step >= raw)
    first = math.ceil(low / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(i * step, digits) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in (PLAIN, (1, 2, 5), (1, 3), (1,)):
        found = [m * 10.0**d for d in decades for m in steps if low <= m * 10.0**d <= high]
        if len(found) <= MOST_TICKS:
            break
    return [float(f"{x:.6g}") for x in found] if len(found) > 1 else _ticks(low, high)
