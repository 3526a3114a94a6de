"""The answer: which model to take, against what, by which rule, and the command that takes it."""

from autocompress.reports.against import Against, against
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.grid import cell
from autocompress.reports.html import Html, tag
from autocompress.reports.plural import plural
from autocompress.reports.table import STAR, compared_metrics, why_none
from autocompress.reports.view import StudyView
from autocompress.values.metric import known, show
from autocompress.values.validated import Verdict

VERDICTS: dict[Verdict, str] = {
    "holds": "holds",
    "within noise": "is within noise of the front",
    "fell off": "fell off the front",
    "broke a limit": "broke a limit",
    "failed": "failed",
}


def answer(figures: Figures) -> Html:
    """First of all, because readers stop early."""
    view = figures.view
    pick = view.pick
    if pick is None:
        reason = why_none(view)
        return tag(
            "section",
            tag("h2", "No model to take"),
            tag("p", f"{reason[0].upper()}{reason[1:]}."),
            class_="answer none",
        )
    number = pick.trial.number
    claims = against(pick.trial.measurements, view.baseline, compared_metrics(view))
    said = ", ".join(str(c) for c in claims)
    command = f"autocompress export {view.spec.name} --trial {number} -o {view.spec.name}-{number}"
    tested = view.test_accuracy.get(number)
    return tag(
        "section",
        tag("h2", tag("span", STAR, class_="star"), f" Trial {number}{f': {said}' if said else ''}"),
        tag("div", *map(_claim, claims), class_="claims") if claims else None,
        tag("p", "Recipe: ", tag("code", pick.trial.recipe.line, class_="recipe")),
        tag("p", f"Rule {pick.rule}: {pick.reason}."),
        tag("p", f"On the test split: {show('accuracy', tested.value, tested.spread)} accuracy.") if tested else None,
        _again(view, number),
        tag("div", tag("code", command, class_="command")),
        _others(view),
        class_="answer",
        id="pick",
    )


def _again(view: StudyView, number: int) -> Html | None:
    """What became of it with fresh seeds, if anybody has tried."""
    found = view.validated.get(number)
    if found is None:
        return None
    numbers = ", ".join(
        f"{known(o.metric).title} {cell(m)}" for o in view.front.objectives if (m := found.measured(o.metric))
    )
    why = f" ({found.why})" if found.why else ""
    seeds = plural(len(found.seeds), "fresh seed")
    return tag("p", f"Trained again with {seeds} it {VERDICTS[found.verdict]}: {numbers}{why}.")


def _others(view: StudyView) -> Html | None:
    """What the other rules would take."""
    assert view.pick is not None
    seen = {view.pick.trial.number}
    cards = []
    for rule, pick in view.picks.items():
        if pick.trial.number in seen:
            continue
        seen.add(pick.trial.number)
        numbers = [m for o in view.front.objectives if (m := pick.trial.measured(o.metric))]
        cards.append(
            tag(
                "div",
                tag("h3", f"{rule}: trial {pick.trial.number}"),
                tag("p", " · ".join(cell(m) for m in numbers)),
                tag("small", pick.reason),
                class_="claim",
            )
        )
    return (
        tag("div", tag("h3", "Other good choices"), tag("div", *cards, class_="claims"), class_="others")
        if cards
        else None
    )


def _claim(c: Against) -> Html:
    words = len(c.amount) > 8  # "no difference", not "3.4x"
    return tag(
        "div",
        tag("small", known(c.metric).title),
        tag("p", tag("b", str(c))) if words else tag("p", tag("b", c.amount), f" {c.word}"),
        tag("small", f"{c.before} → {c.after}"),
        tag("small", c.interval) if c.interval else None,
        class_="claim words" if words else "claim",
    )
