"""Where a label goes: beside its mark, where it covers the least."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

LETTER, LINE = 6.4, 14.0  # pixels that a letter of the charts takes
GAP = 10.0
Box = tuple[float, float, float, float]  # left, top, right, bottom


Align = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Place:
    """Where text stands in relation to its mark."""

    dx: float
    dy: float
    align: Align


BESIDE: tuple[tuple[float, Align], ...] = ((GAP, "left"), (-GAP, "right"), (0.0, "center"))
SIDES = tuple(
    Place(dx, dy, align)
    for dy in (-8.0, 14.0, 3.0, -22.0, 28.0)
    for dx, align in BESIDE
    if not (dx == 0.0 and dy == 3.0)
)


class Sheet:
    """What is taken of a chart of so many pixels."""

    def __init__(self, width: float, height: float, marks: Sequence[tuple[float, float]]) -> None:
        self._width, self._height = width, height
        self._marks = list(marks)
        self._labels: list[Box] = []

    def put(self, text: str, x: float, y: float) -> Place:
        """The place that covers the fewest labels and marks; of equals the first."""
        best = min(SIDES, key=lambda place: self._covered(_box(text, x, y, place)))
        self._labels.append(_box(text, x, y, best))
        return best

    def take(self, text: str, x: float, y: float, place: Place) -> None:
        """A label that stands where it stands."""
        self._labels.append(_box(text, x, y, place))

    def _covered(self, box: Box) -> float:
        left, top, right, bottom = box
        out = max(0.0, -left) + max(0.0, -top) + max(0.0, right - self._width) + max(0.0, bottom - self._height)
        labels = sum(a < right and left < c and b < bottom and top < d for a, b, c, d in self._labels)
        marks = sum(left - 3 < x < right + 3 and top - 3 < y < bottom + 3 for x, y in self._marks)
        return 3.0 * out + 60.0 * labels + 8.0 * marks


def _box(text: str, x: float, y: float, place: Place) -> Box:
    wide = LETTER * len(text)
    left = x + place.dx - {"left": 0.0, "right": wide, "center": wide / 2}[place.align]
    base = y + place.dy
    return left, base - LINE + 3, left + wide, base + 3


def beside(text: str, x: float, place: Place) -> dict[str, Any]:
    """Align and offset of a text at `x`; on a narrower screen than it was placed for it goes to the other side."""
    wide, gap = LETTER * len(text), abs(place.dx)
    if place.align == "center":
        return {"align": "center", "dx": place.dx}
    right, left = f"scale('x', {x!r}) + {wide + gap:.0f} > width", f"scale('x', {x!r}) < {wide + gap:.0f}"
    to_left = f"{right} && !({left})" if place.align == "left" else f"!({left}) || ({right})"
    return {"align": alt.expr(f"{to_left} ? 'right' : 'left'"), "dx": alt.expr(f"{to_left} ? {-gap:g} : {gap:g}")}
