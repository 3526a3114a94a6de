"""A mark for each of several subjects, one below the other, with its interval; hollow: what others have published."""

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt

from autocompress.reports.drawing.look import FRONT, INK, PAPER, PICK, Drawn
from autocompress.values.metric import known, scaled_unit

ROW = 24  # pixels
LONGEST = 44  # letters of a name


class Dot(NamedTuple):
    name: str
    value: float
    low: float | None = None
    high: float | None = None
    published: float | None = None


def dots_chart(dots: Sequence[Dot], metric: str, title: str, *, width: int) -> Drawn | None:
    """In the order given; of a name that comes again the last counts."""
    if not dots:
        return None
    factor, unit = (0.01, "%") if known(metric).unit == "fraction" else scaled_unit(metric, dots[0].value)
    log = known(metric).scale == "log" and min(dot.value for dot in dots) > 0
    rows = [
        {
            "name": _clipped(dot.name),
            **{
                key: value / factor
                for key, value in (("x", dot.value), ("low", dot.low), ("high", dot.high), ("there", dot.published))
                if value is not None
            },
        }
        for dot in dots
    ]
    names = list(dict.fromkeys(_clipped(dot.name) for dot in dots))
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelLimit=320, grid=True, ticks=False, domain=False))
    scale = alt.Scale(type="log", nice=False, padding=12) if log else alt.Scale(zero=False, padding=12)
    x = alt.X("x:Q", title=f"{title}, {unit}" if unit else title, scale=scale)
    table = alt.Chart(alt.InlineData(values=rows))
    spread = table.transform_filter("isValid(datum.low)").mark_rule(color=INK, opacity=0.5, strokeWidth=1.2)
    others = table.transform_filter("isValid(datum.there)")
    return alt.layer(
        spread.encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y),
        table.mark_point(shape="circle", size=60, fill=FRONT, stroke=PAPER, opacity=1).encode(x=x, y=y),
        others.mark_point(shape="diamond", size=70, fill=None, stroke=PICK, strokeWidth=1.6, opacity=1).encode(
            x=alt.X("there:Q", scale=scale), y=y
        ),
    ).properties(width=width, height=ROW * len(names))  # fmt: skip


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
