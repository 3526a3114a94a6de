"""The fronts of several studies in one chart: a colour, a shape and a dash for each."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from autocompress.reports.drawing.axis import Axis, axis
from autocompress.reports.drawing.look import FRONT, GOOD, INK, MUTED, PAPER, PICK, Drawn
from autocompress.reports.drawing.placing import Place, Sheet, beside
from autocompress.reports.drawing.tradeoff import stairs
from autocompress.values.front import Front
from autocompress.values.limit import Objective
from autocompress.values.metric import show
from autocompress.values.trial import Trial

LOOKS = (
    (FRONT, "circle", [1, 0]),
    (PICK, "square", [6, 3]),
    (GOOD, "triangle-up", [2, 2]),
    (INK, "diamond", [8, 3, 2, 3]),
    (MUTED, "cross", [4, 4]),
)  # of more studies they come again


def overlay(
    fronts: Sequence[tuple[str, Front]], x: Objective, y: Objective, *, width: int, height: int
) -> Drawn | None:
    """`x` to the right, `y` upwards; each front with its name at its end."""
    every = [t for _, front in fronts for t in front.members]
    if not every:
        return None
    ax, ay = (axis(o, [t.value(o.metric) for t in every]) for o in (x, y))
    places = [[(ax.at(t.value(x.metric)), ay.at(t.value(y.metric))) for t in front.members] for _, front in fronts]
    sheet = Sheet(
        width, height, [(width * ax.share(a), height * (1 - ay.share(b))) for some in places for a, b in some]
    )
    layers: list[Any] = []
    for (name, front), some, (colour, shape, dash) in zip(fronts, places, _endless(len(fronts)), strict=True):
        if not some:
            continue
        corners = stairs(some, ax, ay, ax.worst, ay.worst)
        line = _table([{"i": i, "x": a, "y": b} for i, (a, b) in enumerate(corners)])
        layers.append(
            alt.Chart(line).mark_line(color=colour, strokeWidth=1.5, strokeDash=dash).encode(**_at(ax, ay), order="i:Q")
        )
        rows = [{"x": a, "y": b, "tip": _said(name, t, x, y)} for (a, b), t in zip(some, front.members, strict=True)]
        marks = alt.Chart(_table(rows)).mark_point(shape=shape, size=60, fill=colour, stroke=PAPER, opacity=1)
        layers.append(marks.encode(tooltip=alt.Tooltip("tip:N", title=""), **_at(ax, ay)))
        end = max(some, key=lambda p: p[1] * ay.better)
        place = sheet.put(name, width * ax.share(end[0]), height * (1 - ay.share(end[1])))
        layers.append(_label(name, end, place, colour, ax, ay))
    return alt.layer(*layers).properties(width=width, height=height)


def _endless(many: int) -> list[tuple[str, str, list[int]]]:
    return [LOOKS[i % len(LOOKS)] for i in range(many)]


def _said(name: str, t: Trial, x: Objective, y: Objective) -> str:
    numbers = [show(o.metric, m.value, m.spread) for o in (y, x) if (m := t.measured(o.metric))]
    return f"{name}, trial {t.number}: {', '.join(numbers)}"


def _label(name: str, end: tuple[float, float], place: Place, colour: str, ax: Axis, ay: Axis) -> alt.Chart:
    row = _table([{"x": end[0], "y": end[1], "text": name}])
    mark = alt.Chart(row).mark_text(
        color=colour, fontWeight=600, **beside(name, end[0], place), dy=place.dy, baseline="alphabetic"
    )
    made: alt.Chart = mark.encode(text="text:N", **_at(ax, ay))
    return made


def _at(ax: Axis, ay: Axis) -> dict[str, Any]:
    return {"x": alt.X("x:Q", **ax.channel), "y": alt.Y("y:Q", **ay.channel)}


def _table(rows: Sequence[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))
