"""How charts look: colours, marks and letters, the same on the page, in a notebook and on paper.

Charts are drawn in the light colours. On a page its style sheet gives each of them its dark twin (`RECOLOUR`), so one
picture serves both. Status is told by shape as well as by colour; measured contrasts stand beside the style sheet.
"""

from typing import Any

import altair as alt

Drawn = alt.LayerChart | alt.FacetChart

INK, MUTED, LINE, PAPER = "#16202b", "#5a6673", "#dde3e9", "#ffffff"
FRONT, PICK, LIMIT, BEATEN, GOOD = "#0067b1", "#c84b00", "#b3261e", "#88929e", "#1a7342"
VARIABLES = {
    INK: "--ink", MUTED: "--muted", LINE: "--line", PAPER: "--paper",
    FRONT: "--front", PICK: "--pick", LIMIT: "--limit", BEATEN: "--beaten",
    GOOD: "--good",
}  # fmt: skip
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, DejaVu Sans, sans-serif"
SIZE = 12

STAR = (
    "M0,-1L0.225,-0.309L0.951,-0.309L0.363,0.118L0.588,0.809L0,0.382"
    "L-0.588,0.809L-0.363,0.118L-0.951,-0.309L-0.225,-0.309Z"
)
CROSS = "M-0.7,-0.7L0.7,0.7M-0.7,0.7L0.7,-0.7"

BARE = alt.ViewBackground(strokeOpacity=0)  # a chart without a frame

CONFIG: dict[str, Any] = {
    "background": None,
    "aria": False,  # the figure says in words what is to be seen
    "font": FONT,
    "view": {"stroke": LINE},
    "axis": {
        "labelColor": MUTED, "titleColor": MUTED, "labelFontSize": SIZE, "titleFontSize": SIZE,
        "titleFontWeight": "normal",
        "gridColor": LINE, "domainColor": LINE, "tickColor": LINE, "titlePadding": 8, "labelOverlap": "greedy",
    },
    "text": {"fontSize": SIZE, "color": MUTED},
    "title": {"color": INK, "fontSize": 13, "fontWeight": 600, "anchor": "start"},
}  # fmt: skip

RECOLOUR = "\n".join(
    f'.chart [{part}="{colour}"] {{ {part}: var({name}); }}'
    for colour, name in VARIABLES.items()
    for part in ("fill", "stroke")
)
