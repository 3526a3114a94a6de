"""How the weights of a model lie: one line of hills, a hill per layer, before and after."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from autocompress.reports.drawing.look import BARE, FRONT, MUTED, Drawn
from autocompress.values.examination import Layer

ROW = 34  # pixels
MOST = 24  # layers; of more, those with the most weights


def weights_chart(layers: Sequence[Layer], *, width: int) -> Drawn | None:
    """Each hill is as high as its layer's largest bin; what was cut or zeroed is not in it."""
    drawn = [layer for layer in layers if layer.histogram]
    kept = {layer.name for layer in sorted(drawn, key=lambda layer: -layer.weights)[:MOST]}
    drawn = [layer for layer in drawn if layer.name in kept]
    if not drawn:
        return None
    rows: list[dict[str, Any]] = []
    for place, layer in enumerate(drawn):
        h = layer.histogram
        assert h is not None
        base = len(drawn) - 1 - place
        for when, bins in (("before", h.before), ("after", h.after)):
            top = max(bins, default=0) if bins else 0
            for i, n in enumerate(bins or ()):
                at, hill = round((i + 0.5) / len(h.after) * 2 - 1, 4), round(base + 0.85 * n / (top or 1), 3)
                rows.append({"w": when, "l": layer.name, "x": at, "y": base, "y2": hill})
    names = [
        {"x": -1.0, "y": len(drawn) - 1 - place, "text": f"{layer.name}, ± {layer.histogram.reach:.2g}"}
        for place, layer in enumerate(drawn)
        if layer.histogram
    ]
    across = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-1.35, 1], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.1, len(drawn)], nice=False))
    table = alt.Chart(alt.InlineData(values=rows))
    before, after = (table.transform_filter(f"datum.w === '{when}'") for when in ("before", "after"))
    heights = {"x": across, "y": y, "y2": "y2:Q", "detail": "l:N"}
    outline = {"x": across, "y": alt.Y("y2:Q", axis=None), "detail": "l:N"}
    return alt.layer(
        after.mark_area(color=FRONT, opacity=0.75, interpolate="step").encode(**heights),
        before.mark_line(color=MUTED, strokeWidth=1, interpolate="step").encode(**outline),
        alt.Chart(alt.InlineData(values=names)).mark_text(align="right", dx=-6, dy=-6, color=MUTED, fontSize=11).encode(
            x=across, y=y, text="text:N"
        ),
    ).properties(width=width, height=ROW * len(drawn), view=BARE)  # fmt: skip
