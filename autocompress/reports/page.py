"""One self-contained HTML page about a study: the answer first, no network, and whole with scripts off."""

from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files

from autocompress.reports.chapter.answer import answer
from autocompress.reports.chapter.bought import bought
from autocompress.reports.chapter.built import built
from autocompress.reports.chapter.limits import limits
from autocompress.reports.chapter.long_enough import long_enough, mattered
from autocompress.reports.chapter.measured import measured
from autocompress.reports.chapter.reproduce import reproduce
from autocompress.reports.chapter.the_front import the_front
from autocompress.reports.chapter.tradeoffs import describe, tradeoffs
from autocompress.reports.chapter.went import went
from autocompress.reports.drawing.embedded import data_script
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.look import RECOLOUR
from autocompress.reports.drawing.picture import engine, fingerprint
from autocompress.reports.html import Html, tag
from autocompress.reports.view import StudyView

CHAPTERS: tuple[Callable[[Figures], Html | None], ...] = (
    answer, limits, tradeoffs, the_front, built, long_enough, mattered, bought, went, measured, reproduce,
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
    scripts = [engine(), _own("page.js")] if figures.all else []
    body = tag(
        "body",
        _top(view, chapters),
        tag("main", *chapters),
        _bottom(view, moving=bool(scripts)),
        *_data(figures) if scripts else (),
        *(tag("script", Html(script)) for script in scripts),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(scripts)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{view.spec.name}: autocompress report"),
        tag("style", Html(f"{_own('page.css')}\n{RECOLOUR}")),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _policy(scripts: list[str]) -> str:
    """Nothing from outside, nothing evaluated, no script but these very ones."""
    named = " ".join(f"'{fingerprint(script)}'" for script in scripts) or "'none'"
    rest = "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {named}; {rest}"


def _data(figures: Figures) -> list[Html]:
    """What the charts share, and what the panel says of each trial."""
    view = figures.view
    told = {str(t.number): asdict(describe(view, t)) for t in figures.points.drawn}
    tables = {"tables": figures.tables, "told": told, "members": [t.number for t in view.front.members]}
    return [tag("script", data_script(value), type="application/json", id=name) for name, value in tables.items()]


def _top(view: StudyView, chapters: list[Html]) -> Html:
    device = view.spec.device
    where = [device.name, ", ".join(one.title for one in device.runtimes)] if device else []
    total = len(view.trials)
    facts = [f"{total} {'trial' if total == 1 else 'trials'} in {duration(view.seconds)}", *where]
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


def _bottom(view: StudyView, *, moving: bool) -> Html:
    version = view.environment.get("autocompress")
    made = f"Made by autocompress{f' {version}' if version else ''}. One file, no network."
    return tag(
        "footer", tag("p", made + (" Charts by Vega and Vega-Lite (BSD-3-Clause), inside this file." if moving else ""))
    )


def duration(seconds: float) -> str:
    """`7 h 42 min`, `3 min 20 s`, `4.2 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
