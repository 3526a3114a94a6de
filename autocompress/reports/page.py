"""One self-contained HTML page about a study: the answer first, no network, and whole with scripts off."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from autocompress.reports.chapter.answer import answer
from autocompress.reports.chapter.bought import bought
from autocompress.reports.chapter.built import built
from autocompress.reports.chapter.limits import limits
from autocompress.reports.chapter.long_enough import long_enough, mattered
from autocompress.reports.chapter.measured import measured
from autocompress.reports.chapter.models import models
from autocompress.reports.chapter.reproduce import reproduce
from autocompress.reports.chapter.the_front import the_front
from autocompress.reports.chapter.tradeoffs import describe, tradeoffs
from autocompress.reports.chapter.went import went
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.duration import duration
from autocompress.reports.html import Html, tag
from autocompress.reports.plural import plural
from autocompress.reports.shell import shell
from autocompress.reports.view import StudyView

CHAPTERS: tuple[Callable[[Figures], Html | None], ...] = (
    answer, limits, tradeoffs, the_front, built, long_enough, mattered, bought, went, models, measured, reproduce,
)  # fmt: skip
NAMES = {
    "pick": "Pick", "tradeoffs": "Trade-offs", "front": "Front", "recipes": "Recipes", "search": "Search",
    "techniques": "Techniques", "models": "Models", "trials": "Trials", "measured": "Measurement",
    "reproduce": "Reproduce",
}  # fmt: skip


def page(view: StudyView, figures: Figures | None = None) -> str:
    """The whole page as text. Same view, same bytes."""
    figures = figures or Figures(view)
    chapters = [made for chapter in CHAPTERS if (made := chapter(figures)) is not None]
    title = f"{view.spec.name}: autocompress report"
    data = _data(figures) if figures.all else None
    return shell(title, _top(view, chapters), chapters, data, view.environment.get("autocompress"))


def _data(figures: Figures) -> dict[str, Any]:
    """What the charts share, and what the panel says of each trial."""
    told = {str(t.number): asdict(describe(figures.view, t)) for t in figures.points.drawn}
    return {"tables": figures.tables, "told": told, "members": [t.number for t in figures.view.front.members]}


def _top(view: StudyView, chapters: list[Html]) -> Html:
    device = view.spec.device
    where = [device.name, ", ".join(one.title for one in device.runtimes)] if device else []
    facts = [f"{plural(len(view.trials), 'trial')} in {duration(view.seconds)}", *where]
    links = [
        tag("a", text, href=f"#{name}") for name, text in NAMES.items() if any(f' id="{name}"' in c for c in chapters)
    ]
    return tag(
        "header",
        tag("p", "autocompress report", class_="eyebrow"),
        tag("h1", view.spec.name),
        tag("p", " · ".join(facts), class_="quiet"),
        tag("button", "Light or dark", type="button", id="theme", hidden=""),
        tag("nav", *links, aria_label="On this page"),
    )
