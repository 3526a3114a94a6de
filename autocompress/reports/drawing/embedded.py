"""A chart on a page: the still picture, and beside it what makes it move where scripts run."""

import json
from typing import Any

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.picture import Picture, inline
from autocompress.reports.html import Html, tag


def embedded(figures: Figures, name: str, **data: str) -> Html | None:
    """The figure of this name, if the study holds enough for it."""
    picture = figures.all.get(name)
    return figure(picture, figures.svgs[name], **data) if picture else None


def figure(picture: Picture, svg: str, **data: str) -> Html:
    return tag(
        "figure",
        tag("div", Html(inline(svg, picture.name)), class_="canvas", role="img", aria_label=picture.said),
        tag("script", data_script(picture.spec({}, fluid=True)), type="application/json"),
        tag("figcaption", picture.caption, class_="quiet") if picture.caption else None,
        class_="chart",
        data_uses=" ".join(picture.uses),
        aria_label=picture.said,
        **data,
    )


def data_script(value: Any) -> Html:
    """JSON that cannot end the script it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
