"""Numbers in a grid, each on a ground that is the darker the more was lost: for more lines than a chart can hold."""

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt

from autocompress.reports.drawing.look import BARE, INK, PICK, Drawn

CELL = (54, 20)  # pixels
DARKEST = 0.6  # of a colour; the number on it must still be read


class Cell(NamedTuple):
    text: str
    lost: float  # 0 to 1
    said: str = ""


def heatmap(rows: Sequence[tuple[str, Sequence[Cell]]], columns: Sequence[str], x_title: str) -> Drawn:
    """In the order of both; `columns` name the cells of each row."""
    assert rows, "there is something to draw"
    values = [
        {"row": name, "column": column, "text": cell.text, "ground": DARKEST * cell.lost, "tip": cell.said}
        for name, cells in rows
        for column, cell in zip(columns, cells, strict=True)
    ]
    x = alt.X("column:N", title=x_title, sort=list(columns), axis=alt.Axis(labelAngle=0, orient="top"))
    y = alt.Y("row:N", title=None, sort=[name for name, _ in rows], axis=alt.Axis(labelLimit=400))
    table = alt.Chart(alt.InlineData(values=values)).encode(x=x, y=y)
    ground = table.mark_rect(color=PICK, tooltip=None).encode(opacity=alt.Opacity("ground:Q", scale=None))
    text = table.mark_text(color=INK).encode(text="text:N", tooltip=alt.Tooltip("tip:N", title=""))
    size = {"width": CELL[0] * len(columns), "height": CELL[1] * len(rows)}
    return alt.layer(ground, text).properties(**size, view=BARE)
