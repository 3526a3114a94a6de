"""Trade-offs: the objectives pair by pair, with one trial in focus on all of them."""

from dataclasses import dataclass

from autocompress.reports.drawing.embedded import embedded
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.html import Html, tag
from autocompress.reports.view import StudyView
from autocompress.values.certainty import DRAWS
from autocompress.values.metric import known, show
from autocompress.values.trial import Trial


def tradeoffs(figures: Figures) -> Html | None:
    pictures = figures.tradeoffs
    if not pictures or not figures.points.drawn:
        return None
    view, left_out = figures.view, figures.points.left_out
    large, *small = pictures
    return tag(
        "section",
        tag("h2", "Trade-offs"),
        tag("p", text, class_="quiet") if (text := _between(view)) else None,
        tag(
            "div",
            embedded(figures, large.name),
            tag("aside", *_focus(view), id="focus", aria_live="polite"),
            class_="split",
        ),
        _key(figures),
        tag("p", f"{left_out} beaten trials are not drawn, evenly thinned.", class_="quiet") if left_out else None,
        tag("div", *(embedded(figures, p.name) for p in small), class_="pairs"),
        id="tradeoffs",
    )


def _between(view: StudyView) -> str | None:
    """What the fastest (or smallest) model gives up against the most accurate one."""
    picks = view.picks
    cheap = picks.get("fastest") or picks.get("smallest")
    lead = next((o for o in view.front.objectives if o.direction == "maximize"), None)
    if cheap is None or lead is None or len(view.front) < 2:
        return None
    best = min(view.front.members, key=lambda t: (lead.signed(t.value(lead.metric)), t.number))
    if best.number == cheap.trial.number:
        return None
    return f"From {_named(view, best)} to {_named(view, cheap.trial)}: that is what the front spans."


def _named(view: StudyView, t: Trial) -> str:
    numbers = ", ".join(show(o.metric, t.value(o.metric)) for o in view.front.objectives)
    return f"trial {t.number} ({numbers})"


def _focus(view: StudyView) -> tuple[Html, ...]:
    """What stands beside the chart before anything is pointed at: the pick."""
    if view.pick is None:
        return (tag("p", "Point at a mark to read it here.", class_="quiet"),)
    said, entries = describe(view, view.pick.trial), []
    for title, text, how in said.numbers:
        entries += [tag("dt", title), tag("dd", f"≈ {text}" if how == "estimated" else text)]
    return (
        tag("h3", f"Trial {view.pick.trial.number}"),
        tag("p", said.standing, class_="quiet"),
        tag("dl", *entries),
        tag("code", said.recipe, class_="recipe"),
    )


@dataclass(frozen=True)
class Said:
    """A trial in words and numbers."""

    recipe: str
    standing: str
    numbers: list[tuple[str, str, str]]


def describe(view: StudyView, t: Trial) -> Said:
    """A trial in full, for the panel beside the charts."""
    numbers = {m.metric: (known(m.metric).title, show(m.metric, m.value, m.spread), m.how) for m in t.measurements}
    share = view.certain.get(t.number)
    where = view.standings.get(t.number, "beaten" if t.feasible else f"breaks {', '.join(t.broken)}")
    often = f", on it in {100 * share:.0f} % of {DRAWS} draws" if share is not None else ""
    pick = "the pick, " if view.pick and view.pick.trial.number == t.number else ""
    return Said(t.recipe.line, f"{pick}{where}{often}", list(numbers.values()))


def _key(figures: Figures) -> Html:
    """What the marks mean; only those that are there."""
    view = figures.view
    kinds = {row["kind"] for row in figures.points.rows}
    third = f", larger: more {known(view.front.objectives[2].metric).title}" if len(view.front.objectives) > 2 else ""
    entries = [
        ("pick", "the pick", view.pick is not None),
        ("front", f"on the front{third}", "front" in kinds),
        ("noise", "within noise of the front", "noise" in kinds),
        ("beaten-dot", "beaten by another trial", "beaten" in kinds),
        ("cross", "breaks a limit", "breaks" in kinds),
        ("square", "the uncompressed baseline", bool(figures.points.references)),
        ("limit-line", "a limit, and what it forbids", bool(view.front.limits)),
        ("stairs-line", "what is attained", bool(view.front.members)),
        ("interval", "95 % interval", any("m0_low" in row or "m1_low" in row for row in figures.points.rows)),
    ]
    return tag(
        "ul", *(tag("li", tag("i", class_=f"mark-{k}"), text) for k, text, there in entries if there), class_="key"
    )
