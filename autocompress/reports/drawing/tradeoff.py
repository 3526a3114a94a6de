"""Two objectives against each other: the front, its staircase, what is forbidden, and everybody else."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import altair as alt

from autocompress.reports.drawing.axis import Axis
from autocompress.reports.drawing.look import BEATEN, CROSS, FRONT, INK, LIMIT, MUTED, PAPER, PICK, STAR, Drawn
from autocompress.reports.drawing.placing import Place, Sheet, beside
from autocompress.reports.drawing.points import Points, Row
from autocompress.values.metric import show

SHARED = alt.NamedData(name="points")  # one table for all charts of a page
Side = tuple[int, Axis]
Size = tuple[int, int]
LOW = 0.12  # share of the height that a name takes at most


def tradeoff(points: Points, x: int, y: int, *, width: int, height: int, large: bool) -> Drawn:
    """Objective `x` of the study to the right, `y` upwards."""
    ax, ay = points.axes[x], points.axes[y]
    marks = [(width * ax.share(r[f"m{x}"]), height * (1 - ay.share(r[f"m{y}"]))) for r in points.rows]
    sheet = Sheet(width, height, marks)
    layers = [
        *_forbidden(points, ax, ay, sheet, (width, height)),
        *_stairs(points, ax, ay, x, y),
        *_trials(points, (x, ax), (y, ay)),
        *_chosen((x, ax), (y, ay)),
        *_picks(points, ax, ay, sheet, (width, height), names=large),
        *_references(points, ax, ay, sheet, (width, height)),
    ]
    chosen = alt.param(name="chosen", value=[-1])
    return alt.layer(*layers).add_params(chosen).properties(width=width, height=height)


def _x(field: str, a: Axis, **more: Any) -> alt.X:
    return alt.X(f"{field}:Q", **a.channel, **more)


def _y(field: str, a: Axis, **more: Any) -> alt.Y:
    return alt.Y(f"{field}:Q", **a.channel, **more)


def _table(rows: Sequence[Row]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))


def _forbidden(points: Points, ax: Axis, ay: Axis, sheet: Sheet, size: Size) -> list[alt.Chart]:
    """A wash over everything beyond a limit, and its edge with a name; a limit far away is only named."""
    found = []
    edges = [ay.share(ay.at(x.bound)) for x in points.view.front.limits if x.metric == ay.metric and x.bound]
    low = any(0 <= share < LOW for share in edges)  # a name stands at the foot already
    for limit in points.view.front.limits:
        for a, here in ((ax, "x"), (ay, "y")):
            if limit.metric != a.metric or limit.bound is None:
                continue
            sign, kind = "≤" if limit.side == "max" else "≥", "limit" if limit.hard else "soft limit"
            text, edge, inside = (
                f"{kind} {sign} {show(limit.metric, limit.bound)}",
                a.at(limit.bound),
                a.inside(limit.bound),
            )
            if inside:
                far = a.high if limit.side == "max" else a.low
                wash = {"x": ax.low, "x2": ax.high, "y": ay.low, "y2": ay.high} | {here: edge, f"{here}2": far}
                line = alt.Chart(_table([{here: edge}])).mark_rule(color=LIMIT, strokeDash=[5, 4], strokeWidth=1.3)
                found += [
                    alt.Chart(_table([wash])).mark_rect(color=LIMIT, opacity=0.07, tooltip=None).encode(
                        x=_x("x", ax), x2="x2:Q", y=_y("y", ay), y2="y2:Q"
                    ),
                    line.encode(**({"x": _x("x", ax)} if here == "x" else {"y": _y("y", ay)})),
                ]  # fmt: skip
            else:
                text = f"{text} →" if here == "x" and edge > a.high else f"← {text}" if here == "x" else text
                edge = min(max(edge, a.low), a.high)
            at = {"x": edge, "y": ay.low} if here == "x" else {"x": ax.high, "y": edge}
            right = here == "y" or ax.share(edge) > 0.5
            below = here == "y" and ay.share(edge) > 0.5
            up = -24.0 if here == "x" and low else -6.0
            place = Place(-5.0 if right else 5.0, 14.0 if below else up, "right" if right else "left")
            sheet.take(text, *_pixel(at["x"], at["y"], ax, ay, size), place)
            found.append(_text(text, at["x"], at["y"], ax, ay, place, color=LIMIT, fontWeight=600))
    return found


def _stairs(points: Points, ax: Axis, ay: Axis, x: int, y: int) -> list[alt.Chart]:
    """What is attained: never a smooth line, feasible trials alone, and it ends at the limit."""
    corners = stairs(
        [(r[f"m{x}"], r[f"m{y}"]) for r in points.rows if _fits(points, r)], ax, ay, _end(points, ax), _end(points, ay)
    )
    if not corners:
        return []
    floor = _end(points, ay)
    line = _table([{"i": i, "x": a, "y": b} for i, (a, b) in enumerate(corners)])
    steps = [{"x": a, "x2": c, "y": b, "y2": floor} for (a, b), (c, d) in pairwise(corners) if b == d]
    wash = alt.Chart(_table(steps)).mark_rect(color=FRONT, opacity=0.08).encode(
        x=_x("x", ax), x2="x2:Q", y=_y("y", ay), y2="y2:Q"
    )  # fmt: skip
    edge = alt.Chart(line).mark_line(color=FRONT, strokeWidth=1.5).encode(x=_x("x", ax), y=_y("y", ay), order="i:Q")
    return [wash, edge]


def stairs(
    found: Sequence[tuple[float, float]], ax: Axis, ay: Axis, far_x: float, far_y: float
) -> list[tuple[float, float]]:
    """Corners of the staircase from the best in x to the end of what is allowed."""
    corners: list[tuple[float, float]] = []
    best: float | None = None
    for px, py in sorted(found, key=lambda p: (-p[0] * ax.better, -p[1] * ay.better)):
        if best is None or (py - best) * ay.better > 0:
            corners += [(px, far_y if best is None else best), (px, py)]
            best = py
    return [*corners, (far_x, best)] if best is not None else []


def _end(points: Points, a: Axis) -> float:
    """Where the allowed side ends: at the limit, or at the frame."""
    side = "max" if a.better < 0 else "min"
    bounds = [a.at(x.bound) for x in points.view.front.limits if x.metric == a.metric and x.side == side and x.bound]
    edge = (min if a.better < 0 else max)(bounds, default=a.worst)
    return min(max(edge, a.low), a.high)


def _fits(points: Points, row: Row) -> bool:
    return bool(row["kind"] != "breaks")


def _trials(points: Points, x: Side, y: Side) -> list[alt.Chart]:
    (i, ax), (j, ay) = x, y
    at: dict[str, Any] = {"x": _x(f"m{i}", ax), "y": _y(f"m{j}", ay), "tooltip": alt.Tooltip("tip:N", title="")}
    inside = f"datum.m{i} >= {ax.low} && datum.m{i} <= {ax.high} && datum.m{j} >= {ay.low} && datum.m{j} <= {ay.high}"
    base = alt.Chart(SHARED).transform_filter(inside)
    only = {kind: base.transform_filter(f"datum.kind === '{kind}'") for kind in ("beaten", "breaks", "noise", "front")}
    sure = base.transform_filter("datum.kind === 'front' || datum.kind === 'noise'")
    bars = []
    for spread, other, side in ((f"m{i}", f"m{j}", "x"), (f"m{j}", f"m{i}", "y")):
        has = sure.transform_filter(f"isValid(datum.{spread}_low)").mark_rule(color=INK, opacity=0.35, strokeWidth=1)
        if side == "x":
            bars.append(has.encode(x=_x(f"{spread}_low", ax), x2=f"{spread}_high:Q", y=_y(other, ay)))
        else:
            bars.append(has.encode(y=_y(f"{spread}_low", ay), y2=f"{spread}_high:Q", x=_x(other, ax)))
    sized: dict[str, Any] = {"size": alt.Size("area:Q", scale=None), **at}
    hollow: dict[str, Any] = {"stroke": FRONT, "fill": PAPER, "strokeDash": [2.5, 2], "strokeWidth": 1.4, "opacity": 1}
    filled: dict[str, Any] = {"shape": "circle", "fill": FRONT, "stroke": PAPER, "strokeWidth": 1, "opacity": 1}
    return [
        only["breaks"].mark_point(shape=CROSS, size=18, stroke=BEATEN, strokeWidth=1.2, opacity=0.9).encode(**at),
        only["beaten"].mark_circle(size=22, color=BEATEN, opacity=0.75).encode(**at),
        *bars,
        only["noise"].mark_point(**hollow).encode(**sized),
        only["front"].mark_point(**filled).encode(**sized),
    ]  # fmt: skip


def _chosen(x: Side, y: Side) -> list[alt.Chart]:
    """A ring around what the reader has pointed at, in every chart of the page."""
    (i, ax), (j, ay) = x, y
    ring = alt.Chart(SHARED).transform_filter("indexof(chosen, datum.trial) >= 0")
    return [
        ring.mark_point(shape="circle", size=330, stroke=INK, strokeWidth=2, fill=None, opacity=1).encode(
            x=_x(f"m{i}", ax), y=_y(f"m{j}", ay)
        )
    ]


def _references(points: Points, ax: Axis, ay: Axis, sheet: Sheet, size: Size) -> list[alt.Chart]:
    """In place where they are on the scale, else pinned to the frame with their value."""
    found = []
    for r in points.references:
        mx, my = r.values.get(ax.metric), r.values.get(ay.metric)
        if mx is None or my is None:
            continue
        off = [m for m, a in ((mx, ax), (my, ay)) if not a.inside(m.value)]
        x, y = (min(max(a.at(m.value), a.low), a.high) for m, a in ((mx, ax), (my, ay)))
        text = r.name if not off else f"{r.name}: {', '.join(show(m.metric, m.value) for m in off)}"
        mark = alt.Chart(_table([{"x": x, "y": y}])).mark_point(
            shape=r.shape, size=70, fill=INK, stroke=PAPER, opacity=1
        )
        place = sheet.put(text, *_pixel(x, y, ax, ay, size))
        found += [mark.encode(x=_x("x", ax), y=_y("y", ay)), _text(text, x, y, ax, ay, place, color=INK)]
    return found


def _picks(points: Points, ax: Axis, ay: Axis, sheet: Sheet, size: Size, *, names: bool) -> list[alt.Chart]:
    """The pick as a star; where there is room, by name, it and the other good choices."""
    pick, found = points.view.pick, []
    rows = {r["trial"]: r for r in points.rows}
    index = {a.metric: i for i, a in enumerate(points.axes)}
    rules: dict[int, list[str]] = {}
    for rule, p in points.view.picks.items():
        rules.setdefault(p.trial.number, []).append(rule)
    rules = {n: rules[n] for n in sorted(rules, key=lambda n: pick is None or n != pick.trial.number) if n in rows}
    for number, chosen_by in rules.items():
        star = pick is not None and pick.trial.number == number
        x, y = rows[number][f"m{index[ax.metric]}"], rows[number][f"m{index[ay.metric]}"]
        if star:
            data = _table([{"x": x, "y": y, "trial": number, "tip": rows[number]["tip"]}])
            mark = alt.Chart(data).mark_point(shape=STAR, size=260, fill=PICK, stroke=PAPER, strokeWidth=1, opacity=1)
            found.append(mark.encode(tooltip=alt.Tooltip("tip:N", title=""), x=_x("x", ax), y=_y("y", ay)))
        if names:
            text = f"pick: trial {number}" if star else f"{' and '.join(chosen_by)}: trial {number}"
            place = sheet.put(text, *_pixel(x, y, ax, ay, size))
            weight: dict[str, Any] = {"color": INK, "fontWeight": 600} if star else {"color": MUTED}
            found.append(_text(text, x, y, ax, ay, place, **weight))
    return found


def beyond(points: Points, x: int, y: int) -> int:
    """How many trials lie beyond the frame of a chart."""
    ax, ay = points.axes[x], points.axes[y]
    return sum(not (ax.low <= r[f"m{x}"] <= ax.high and ay.low <= r[f"m{y}"] <= ay.high) for r in points.rows)


def _text(text: str, x: float, y: float, ax: Axis, ay: Axis, place: Place, **more: Any) -> alt.Chart:
    mark = alt.Chart(_table([{"x": x, "y": y, "text": text}])).mark_text(
        **beside(text, x, place), dy=place.dy, baseline="alphabetic", **more
    )
    made: alt.Chart = mark.encode(x=_x("x", ax), y=_y("y", ay), text="text:N")
    return made


def _pixel(x: float, y: float, ax: Axis, ay: Axis, size: Size) -> tuple[float, float]:
    return size[0] * ax.share(x), size[1] * (1 - ay.share(y))
