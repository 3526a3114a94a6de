"""An axis of letters: which cell a value is in, and which round numbers stand beside it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autocompress.reports.grid import heading
from autocompress.reports.ticks import label, rows
from autocompress.values.limit import Objective


@dataclass(frozen=True)
class Axis:
    """So many cells from the least to the largest value, as the objective scales them."""

    objective: Objective
    low: float
    high: float
    cells: int

    @classmethod
    def over(cls, objective: Objective, own: Sequence[float], guests: Sequence[float], cells: int) -> "Axis":
        """As far as its own values reach, and to those guests that make it twice as long at most."""
        seen = [objective.seen(x) for x in own]
        low, high = min(seen), max(seen)
        span = high - low or (0.5 if _log(objective) else 0.05 * abs(high) or 1.0)
        for x in sorted(map(objective.seen, guests), key=lambda x: max(low - x, x - high)):
            if max(high, x) - min(low, x) <= 2 * span:
                low, high = min(low, x), max(high, x)
        margin = 0.04 * max(high - low, span)
        low, high = low - margin, high + margin
        return (
            cls(objective, math.exp(low), math.exp(high), cells)
            if _log(objective)
            else cls(objective, low, high, cells)
        )

    def cell(self, value: float) -> int:
        """Less than 0 or too large where a value is off the axis."""
        at, low, high = (self.objective.seen(x) for x in (value, self.low, self.high))
        return round((at - low) / (high - low) * (self.cells - 1))

    def off(self, value: float) -> int:
        """-1 if it is below the axis, 1 if above, 0 if on it."""
        return (self.cell(value) >= self.cells) - (self.cell(value) < 0)

    def ticks(self, wanted: int, fits: Callable[["Axis", Sequence[float]], bool]) -> list[float]:
        """Of the rows of round numbers that fit, the one with about as many as wanted."""
        found = rows(self.objective.metric, self.low, self.high, _log(self.objective))
        return min((r for r in found if fits(self, r)), key=lambda r: abs(len(r) - wanted), default=[])

    def label(self, value: float) -> str:
        return label(self.objective.metric, value)

    @property
    def title(self) -> str:
        better = "more" if self.objective.direction == "maximize" else "less"
        return f"{heading(self.objective.metric)} ({better} is better)"


def _log(objective: Objective) -> bool:
    return objective.seen(math.e) != math.e
