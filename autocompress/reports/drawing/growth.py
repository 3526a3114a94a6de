"""Was the search long enough? Hypervolume over trials or over seconds of devices, beside what chance has found."""

from collections.abc import Sequence
from typing import Any, Literal

import altair as alt

from autocompress.reports.drawing.look import FRONT, MUTED, Drawn
from autocompress.values.growth import Stand


def growth_chart(
    ours: Sequence[Stand], chance: Sequence[Stand], over: Literal["trials", "seconds"], *, width: int, height: int
) -> Drawn:
    """In percent of what the study has at its end."""
    whole = ours[-1].volume or 1.0
    minutes = over == "seconds" and max(s.seconds for s in (*ours, *chance)) >= 300
    title = "trials" if over == "trials" else f"{'minutes' if minutes else 'seconds'} of devices"
    layers = []
    styles: list[tuple[str, Sequence[Stand], dict[str, Any]]] = [
        ("random search", chance, {"color": MUTED, "strokeDash": [5, 4], "strokeWidth": 1.3}),
        ("this study", ours, {"color": FRONT, "strokeWidth": 2}),
    ]
    for name, stands, style in styles:
        if len(stands) < 2:
            continue
        places = [s.trials if over == "trials" else s.seconds / (60 if minutes else 1) for s in stands]
        rows = [{"x": round(x, 3), "y": round(100 * s.volume / whole, 3)} for x, s in zip(places, stands, strict=True)]
        x, y = alt.X("x:Q", title=title), alt.Y("y:Q", title="hypervolume, % of the end", scale=alt.Scale(zero=True))
        layers.append(
            alt.Chart(alt.InlineData(values=rows)).mark_line(interpolate="step-after", **style).encode(x=x, y=y)
        )
        label = alt.Chart(alt.InlineData(values=[rows[-1] | {"text": name}]))
        below: dict[str, Any] = {"dy": 14} if name == "random search" else {"dy": -6}
        named = label.mark_text(align="right", dx=-4, color=style["color"], fontWeight=600, **below)
        layers.append(named.encode(x=x, y=y, text="text:N"))
    return alt.layer(*layers).properties(width=width, height=height)
