"""Rows of bars: what mattered to each objective, what each technique bought."""

from collections.abc import Mapping, Sequence

import altair as alt

from autocompress.reports.drawing.look import BARE, FRONT, INK, LINE, MUTED, Drawn
from autocompress.reports.drawing.placing import LETTER

ROW = 22  # pixels


def importance_chart(shares: Mapping[str, Mapping[str, float]], names: Sequence[str], *, width: int) -> Drawn:
    """One column of bars for each objective; `shares` by its title, then by choice."""
    rows, heads = [], []
    room = int(0.72 * width / max(len(shares), 1) / LETTER)
    for j, (title, found) in enumerate(shares.items()):
        heads.append({"x": j, "name": names[0], "text": title if len(title) <= room else f"{title[: room - 1]}…"})
        for name in names:
            share = found.get(name, 0.0)
            said = "<1 %" if share < 0.01 else f"{100 * share:.0f} %"
            rows.append({"name": name, "x": j, "x2": j + 0.72 * share, "end": j + 0.72, "text": said})
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, len(shares)], nice=False))
    y = alt.Y("name:N", sort=list(names), title=None, axis=alt.Axis(domain=False, ticks=False, labelLimit=150))
    table = alt.Chart(alt.InlineData(values=rows))
    return alt.layer(
        table.mark_bar(height=12, color=LINE).encode(x=x, x2="end:Q", y=y),
        table.mark_bar(height=12, color=FRONT).encode(x=x, x2="x2:Q", y=y),
        table.mark_text(align="left", dx=5, color=MUTED).encode(x=alt.X("end:Q", axis=None), y=y, text="text:N"),
        alt.Chart(alt.InlineData(values=heads)).mark_text(align="left", dy=-ROW + 2, color=INK, fontWeight=600).encode(
            x=x, y=y, text="text:N"
        ),
    ).properties(width=width, height=ROW * len(names), view=BARE)  # fmt: skip


def shares_chart(parts: Sequence[tuple[str, float, str]], *, width: int) -> Drawn:
    """Name, share of the first one's hypervolume, and what to write beside the bar."""
    rows = [{"name": name, "x": 0.0, "x2": round(share, 4), "text": text} for name, share, text in parts]
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1.5], nice=False))
    y = alt.Y(
        "name:N", sort=[p[0] for p in parts], title=None, axis=alt.Axis(domain=False, ticks=False, labelLimit=230)
    )
    table = alt.Chart(alt.InlineData(values=rows))
    return alt.layer(
        table.mark_bar(height=13, color=FRONT).encode(x=x, x2="x2:Q", y=y),
        table.mark_text(align="left", dx=6, color=INK).encode(x=alt.X("x2:Q", axis=None), y=y, text="text:N"),
    ).properties(width=width, height=(ROW + 4) * len(rows), view=BARE)
