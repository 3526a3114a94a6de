"""How models are built: one line per trial, through its choices and to its objectives."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from autocompress.reports.drawing.look import BARE, BEATEN, FRONT, INK, LINE, MUTED, PAPER, PICK, Drawn
from autocompress.reports.drawing.points import Points, Row
from autocompress.values.columns import ARROW, ORDER, Cell, columns, varied
from autocompress.values.limit import Objective
from autocompress.values.metric import known, show

MOST_CHOICES = 8  # axes of the recipe; more could not be read
ABSENT = -0.1  # where a line passes that has nothing to do with an axis
RECIPES = alt.NamedData(name="recipes")


@dataclass(frozen=True)
class Rail:
    """One upright axis: what stands where on it, from 0 to 1."""

    title: str
    places: tuple[float | None, ...]  # of each trial
    labels: tuple[tuple[float, str], ...]


def rails(points: Points) -> list[Rail]:
    """The choices that made a difference, the order of the stages first, then the objectives, better upwards."""
    trials = points.drawn
    cells = [columns(t.recipe) for t in trials]
    names = varied(cells)
    weight = {n: sum(shares.get(n, 0.0) for shares in points.view.importance.values()) for n in names}
    kept = sorted(names, key=lambda n: (n != ORDER, -weight[n], names.index(n)))[:MOST_CHOICES]
    short = initials(points)
    if ORDER in kept:
        cells = [{**c, ORDER: abbreviated(str(c[ORDER]), short)} if ORDER in c else c for c in cells]
    found = [_choice(name, [c.get(name) for c in cells]) for name in sorted(kept, key=names.index)]
    members = {t.number: t for t in points.view.front.members}
    shown = [members.get(t.number, t) for t in trials]
    return found + [_objective(o, [t.value(o.metric) for t in shown]) for o in points.view.front.objectives]


def initials(points: Points) -> dict[str, str]:
    """Stage -> the shortest beginning that no other stage shares."""
    names = {name for t in points.drawn for name in str(columns(t.recipe).get(ORDER, "")).split(ARROW) if name}
    return {
        n: next((n[:k] for k in range(1, len(n)) if sum(o.startswith(n[:k]) for o in names) == 1), n)
        for n in sorted(names)
    }


def abbreviated(order: str, short: Mapping[str, str]) -> str:
    return "›".join(short[name].capitalize() for name in order.split(ARROW))


def parallel(points: Points, found: Sequence[Rail], *, width: int, height: int) -> Drawn:
    many = len(found)
    x: dict[str, Any] = {"x": alt.X("i:Q", axis=None, scale=alt.Scale(domain=[-0.4, many - 0.6], nice=False))}
    scale = alt.Scale(domain=[ABSENT - 0.12, 1.2], nice=False)
    y = alt.Y("y:Q", axis=None, scale=scale)
    brushes = [alt.param(name=f"brush{i}", value=[-9, 9]) for i in range(many)]
    passes = " && ".join(f"datum.v{i} >= brush{i}[0] && datum.v{i} <= brush{i}[1]" for i in range(many))
    folded = (
        alt.Chart(RECIPES)
        .transform_filter(passes)
        .transform_fold([f"v{i}" for i in range(many)], as_=["rail", "y"])
        .transform_calculate(i="toNumber(substring(datum.rail, 1))")
    )
    line: dict[str, Any] = {"detail": "trial:N", "order": "i:Q", "y": y, **x}

    def some(test: str, **style: Any) -> alt.Chart:
        made: alt.Chart = folded.transform_filter(test).mark_line(interpolate="monotone", **style).encode(**line)
        return made

    uprights = alt.Chart(_rows({"i": i, "y": 0.0, "y2": 1.0} for i in range(many)))
    marks = [{"i": i, "y": at, "text": text} for i, rail in enumerate(found) for at, text in rail.labels]
    titles = [{"i": i, "y": 1.14 if i % 2 else 1.07, "text": _clip(rail.title)} for i, rail in enumerate(found)]
    list_of = ", ".join(f"brush{i}" for i in range(many))
    halo: dict[str, Any] = {"stroke": PAPER, "strokeWidth": 3, "strokeOpacity": 0.85}
    scribe, heading = alt.Chart(_rows(marks)), alt.Chart(_rows(titles))
    label: dict[str, Any] = {"fontSize": 11, "dx": 5, "align": "left", "baseline": "middle"}
    brushed: dict[str, Any] = {"y": alt.Y("low:Q", axis=None, scale=scale), "y2": "high:Q"}
    window = (
        alt.Chart(_rows({"i": i} for i in range(many)))
        .transform_calculate(low=f"[{list_of}][datum.i][0]", high=f"[{list_of}][datum.i][1]")
        .transform_filter("datum.low > -9")
    )
    return (
        alt.layer(
            uprights.mark_rule(color=LINE, strokeWidth=1).encode(y=y, y2="y2:Q", **x),
            some("datum.kind === 'beaten' || datum.kind === 'breaks'", color=BEATEN, opacity=0.22, strokeWidth=0.8),
            some("datum.kind === 'noise'", color=FRONT, opacity=0.35, strokeWidth=1, strokeDash=[3, 3]),
            some("datum.kind === 'front'", color=FRONT, opacity=0.8, strokeWidth=1.5),
            some("datum.pick", color=PICK, opacity=1, strokeWidth=2.5),
            some("indexof(chosen, datum.trial) >= 0", color=INK, opacity=1, strokeWidth=2.5),
            window.mark_bar(width=12, color=INK, opacity=0.15).encode(**brushed, **x),
            scribe.mark_text(color=PAPER, **label, **halo).encode(y=y, text="text:N", **x),
            scribe.mark_text(color=MUTED, **label).encode(y=y, text="text:N", **x),
            heading.mark_text(color=INK, fontSize=11.5, fontWeight=600).encode(y=y, text="text:N", **x),
        )
        .add_params(alt.param(name="chosen", value=[-1]), *brushes)
        .properties(width=width, height=height, view=BARE)
    )  # fmt: skip


def recipes(points: Points, found: Sequence[Rail]) -> list[Row]:
    """The table behind the lines."""
    pick = points.view.pick
    rows = []
    for k, t in enumerate(points.drawn):
        row: Row = {
            "trial": t.number,
            "kind": points.kind(t),
            "pick": pick is not None and pick.trial.number == t.number,
        }
        for i, rail in enumerate(found):
            at = rail.places[k]
            row[f"v{i}"] = ABSENT if at is None else round(at, 4)
        rows.append(row)
    return rows


def _choice(name: str, cells: Sequence[Cell | None]) -> Rail:
    present = [c for c in cells if c is not None]
    missing = [(ABSENT, "–")] if len(present) < len(cells) else []
    if any(isinstance(c, str | bool) for c in present) or len(set(present)) <= 4:
        kinds = sorted(set(present), key=lambda c: (str(type(c)), c))
        at = {c: (i / (len(kinds) - 1) if len(kinds) > 1 else 0.5) for i, c in enumerate(kinds)}
        labels = [(at[c], _clip(f"{c:g}" if isinstance(c, float) else str(c))) for c in kinds]
        return Rail(name, tuple(None if c is None else at[c] for c in cells), (*labels, *missing))
    numbers = [float(c) for c in present]
    low, high = min(numbers), max(numbers)
    scale = math.log if low > 0 and high / low >= 30 else float
    span = scale(high) - scale(low)
    places = tuple(None if c is None else (scale(float(c)) - scale(low)) / span for c in cells)
    return Rail(name, places, ((0.0, f"{low:.3g}"), (1.0, f"{high:.3g}"), *missing))


def _objective(o: Objective, values: Sequence[float]) -> Rail:
    costs = [-o.cost(v) for v in values]
    low, high = min(costs), max(costs)
    span = high - low or 1.0
    worst, best = (values[costs.index(edge)] for edge in (low, high))
    places = tuple((c - low) / span for c in costs)
    return Rail(known(o.metric).title, places, ((0.0, show(o.metric, worst)), (1.0, show(o.metric, best))))


def _clip(text: str) -> str:
    return text if len(text) <= 22 else text[:21] + "…"


def _rows(rows: Any) -> alt.InlineData:
    return alt.InlineData(values=list(rows))
