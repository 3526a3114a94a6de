"""Lines: what becomes of a number when one thing is turned further and further, a line for each of several subjects."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import altair as alt

from autocompress.reports.drawing.look import INK, PAPER, Drawn
from autocompress.reports.drawing.overlay import LOOKS
from autocompress.reports.drawing.placing import LETTER
from autocompress.reports.drawing.placing import LINE as APART

AIR = 0.05  # share of an axis that is left free at its ends
OUT = 16  # pixels from the frame to the marks before the names


class Spot(NamedTuple):
    """One point of a line, with its interval if that is known, and what is said of it to who points at it."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    said: str = ""


class Ends(NamedTuple):
    """Of an axis."""

    low: float
    high: float

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


def lines_chart(
    series: Sequence[tuple[str, Sequence[Spot]]],
    x_title: str,
    y_title: str,
    *,
    width: int,
    height: int,
    percent: bool = False,
    marked: Sequence[tuple[float, str]] = (),
) -> Drawn:
    """Names stand outside of the frame, each joined to the end of its line. `percent`: y is given in shares.

    `marked` places on the x axis have a rule and a name.
    """
    times = 100.0 if percent else 1.0
    drawn = [(name, [_times(spot, times) for spot in sorted(spots)]) for name, spots in series if spots]
    assert drawn, "there is something to draw"
    every = [spot for _, spots in drawn for spot in spots]
    across = _ends([*(s.x for s in every), *(x for x, _ in marked)])
    up = _ends([y for s in every for y in (s.y, s.low, s.high) if y is not None], most=100.0 if percent else None)
    at = {"x": _axis(alt.X("x:Q"), x_title, across), "y": _axis(alt.Y("y:Q"), y_title, up)}
    layers: list[Any] = list(_marked(marked, across, width))
    for (_, spots), look in reversed(list(zip(drawn, _looks(), strict=False))):  # the first lies on top
        layers += _line(spots, look, at)
    if len(drawn) > 1 or drawn[0][0]:
        heights = _spread([height * (1 - up.share(spots[-1].y)) for _, spots in drawn], height)
        for (name, spots), look, pixel in zip(drawn, _looks(), heights, strict=False):
            layers += _name(name, spots[-1], up.high - pixel / height * (up.high - up.low), look, at)
    return alt.layer(*layers).properties(width=width, height=height)


def _looks() -> Iterator[tuple[str, str, list[int]]]:
    """When the colours come again, shapes and dashes go with other colours."""
    many = len(LOOKS)
    for i in range(many * many):
        _, shape, dash = LOOKS[(i + i // many) % many]
        yield LOOKS[i % many][0], shape, dash


def _times(spot: Spot, times: float) -> Spot:
    low, high = (None if edge is None else edge * times for edge in (spot.low, spot.high))
    return spot._replace(y=spot.y * times, low=low, high=high)


def _ends(values: Sequence[float], most: float | None = None) -> Ends:
    low, high = min(values), max(values)
    air = AIR * ((high - low) or abs(high) or 1.0)
    if most is None:
        return Ends(low - air, high + air)
    return Ends(max(low - air, 0.0), min(high + air, most + 0.02 * (most - low)) if high <= most else high + air)


def _axis(channel: Any, title: str, ends: Ends) -> Any:
    scale = alt.Scale(domain=[ends.low, ends.high], nice=False, zero=False)
    return channel.title(title).scale(scale).axis(tickCount=6, format=".12~g")


def _line(spots: Sequence[Spot], look: tuple[str, str, list[int]], at: dict[str, Any]) -> list[Any]:
    colour, shape, dash = look
    rows = [{"x": s.x, "y": s.y, "low": s.low, "high": s.high, "tip": s.said} for s in spots]
    table = alt.Chart(alt.InlineData(values=rows))
    sure = alt.Chart(alt.InlineData(values=[r for r in rows if r["low"] is not None and r["high"] is not None]))
    bars = sure.mark_rule(color=colour, opacity=0.45, strokeWidth=1.2)
    marks = table.mark_point(shape=shape, size=55, fill=colour, stroke=PAPER, strokeWidth=1, opacity=1)
    return [
        bars.encode(x=at["x"], y=alt.Y("low:Q"), y2="high:Q"),
        table.mark_line(color=colour, strokeWidth=1.6, strokeDash=dash).encode(**at),
        marks.encode(tooltip=alt.Tooltip("tip:N", title=""), **at)
        if any(s.said for s in spots)
        else marks.encode(**at),
    ]


def _name(name: str, end: Spot, y: float, look: tuple[str, str, list[int]], at: dict[str, Any]) -> list[Any]:
    """Outside of the frame, behind the mark of its line: there a name covers nothing."""
    colour, shape, _ = look
    row = alt.Chart(alt.InlineData(values=[{"x": end.x, "y": end.y, "there": y, "text": name}]))
    joined = row.mark_rule(color=colour, opacity=0.4, strokeWidth=1)
    mark = row.mark_point(shape=shape, size=40, fill=colour, stroke=PAPER, strokeWidth=1, opacity=1)
    text = row.mark_text(color=colour, fontWeight=600, align="left", baseline="middle", dx=8)
    there = {"x": alt.value(alt.expr(f"width + {OUT}")), "y": alt.Y("there:Q")}
    return [
        joined.encode(**at, x2=alt.value(alt.expr(f"width + {OUT}")), y2="there:Q"),
        mark.encode(**there),
        text.encode(**there, text="text:N"),
    ]


def _marked(marked: Sequence[tuple[float, str]], across: Ends, width: int) -> Iterator[alt.Chart]:
    """Rules from top to bottom; their names stand above the frame, in as many lines as they need."""
    ends: list[float] = []  # of the last name in each line
    for x, text in sorted(marked):
        wide = LETTER * len(text)
        start = min(max(width * across.share(x) - wide / 2, 0.0), max(width - wide, 0.0))
        line = next((i for i, end in enumerate(ends) if end < start), len(ends))
        ends[line : line + 1] = [start + wide + LETTER]
        row = alt.Chart(alt.InlineData(values=[{"x": x, "text": text}]))
        yield row.mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1.2).encode(x="x:Q")
        place = {"x": alt.value(start), "y": alt.value(-8 - APART * line)}
        yield row.mark_text(color=INK, fontWeight=600, align="left", baseline="alphabetic").encode(
            **place, text="text:N"
        )


def _spread(wanted: Sequence[float], height: float) -> list[float]:
    """Heights as near as can be to those that are wanted, and a line of letters apart."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    blocks: list[tuple[float, int]] = []  # where the first of them stands, how many
    for i in order:
        top, many = wanted[i], 1
        while blocks and blocks[-1][0] + blocks[-1][1] * APART > top:
            above, more = blocks.pop()
            top = (above * more + (top - more * APART) * many) / (more + many)  # both move as little as they can
            many += more
        blocks.append((top, many))
    places = [top + k * APART for top, many in blocks for k in range(many)]
    for i, _ in enumerate(places):  # none above the frame, and then none below it
        places[i] = max(places[i], places[i - 1] + APART if i else 0.0)
    for i in reversed(range(len(places))):
        places[i] = min(places[i], places[i + 1] - APART if i + 1 < len(places) else height)
    return [places[order.index(i)] for i in range(len(wanted))]
