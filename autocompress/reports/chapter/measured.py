"""How it was measured: metric by metric, on what, how often, and what to beware of."""

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.html import Html, tag
from autocompress.reports.provenance import provenance


def measured(figures: Figures) -> Html | None:
    entries: list[Html] = []
    for p in provenance(figures.view):
        entries.append(tag("dt", p.title))
        entries.append(tag("dd", tag("span", p.how, class_=f"how {p.how}"), p.text))
    return (
        tag("section", tag("h2", "How it was measured"), tag("dl", *entries, class_="wide"), id="measured")
        if entries
        else None
    )
