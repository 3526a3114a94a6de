"""Studies held against each other, as a page: the fronts in one chart, then the tables."""

from typing import Any

from autocompress.reports.comparison import parts
from autocompress.reports.drawing.embedded import figure
from autocompress.reports.drawing.overlay import overlay
from autocompress.reports.drawing.picture import Picture
from autocompress.reports.html import Html, tag
from autocompress.reports.sheet import Sheet
from autocompress.reports.shell import shell
from autocompress.reports.tabled import scrolled, tabled
from autocompress.values.compared import Comparison


def comparison_page(c: Comparison) -> str:
    """One self-contained file. Same comparison, same bytes."""
    names = [s.name for s in c.sides]
    pictures = overlays(c)
    charts = [figure(p, p.svg({})) for p in pictures]
    top = tag(
        "header",
        tag("p", "autocompress comparison", class_="eyebrow"),
        tag("h1", " against ".join(names)),
        tag("button", "Light or dark", type="button", id="theme", hidden=""),
    )
    chart = (
        tag("section", tag("h2", "The fronts"), tag("div", *charts, class_="pairs"), id="fronts") if charts else None
    )
    sections = [_section(part) for part in parts(c)]
    data: dict[str, Any] | None = {"tables": {}, "told": {}, "members": []} if charts else None
    return shell(f"{' against '.join(names)}: autocompress", top, [x for x in (chart, *sections) if x], data)


def overlays(c: Comparison) -> list[Picture]:
    """The first objective against each of the others."""
    found = []
    lead, *others = c.objectives
    for o in others:
        drawn = overlay([(s.name, s.front) for s in c.sides], o, lead, width=470, height=330)
        if drawn is not None:
            said = f"{lead.metric} against {o.metric} of {', '.join(s.name for s in c.sides)}"
            found.append(Picture(f"fronts-{o.metric}".replace("_", "-"), said, drawn))
    return found


def _section(part: Sheet | str) -> Html:
    if isinstance(part, str):
        first, *rest = part.splitlines()
        points = tag("ul", *(tag("li", line.strip()) for line in rest)) if rest else None
        return tag("section", tag("p", _capital(first)), points)
    return tag("section", tag("h2", _capital(part.title)), _table(part))


def _table(sheet: Sheet) -> Html:
    words = {i for i, head in enumerate(sheet.header) if head in sheet.words}
    return scrolled(tabled(sheet.header, sheet.rows, words=words), sheet.title)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
