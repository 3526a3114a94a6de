"""Model by model: the layers of each member of the front, its mistakes, and where it looks."""

from autocompress.reports.chapter.model_answers import answers
from autocompress.reports.chapter.model_bears import bears
from autocompress.reports.chapter.model_layers import layers
from autocompress.reports.chapter.model_looks import looks
from autocompress.reports.chapter.the_file import the_file
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.grid import cell
from autocompress.reports.html import Html, tag
from autocompress.reports.provenance import sentence
from autocompress.reports.view import StudyView
from autocompress.values.examination import Examination
from autocompress.values.job import BASELINE
from autocompress.values.measurement import by_metric
from autocompress.values.metric import known, show
from autocompress.values.trial import Trial

TIMES = ("latency_p50", "latency_mean", "latency_p95", "latency_p99")


def models(figures: Figures) -> Html | None:
    view = figures.view
    pick = view.pick.trial.number if view.pick else None
    looked = {*view.examinations, *view.borne}
    found = [(t, view.examinations.get(t.number)) for t in view.front.members if t.number in looked]
    teacher = bears(view.borne.get(BASELINE), "the baseline")
    if not found and teacher is None:
        return None
    missing = len(view.front) - len(found)
    said = f"{missing} of {len(view.front)} models have not been looked into." if missing else None
    return tag(
        "section",
        tag("h2", "Model by model"),
        tag("p", said, class_="quiet") if said else None,
        *(_model(figures, t, seen, opened=t.number == pick) for t, seen in found),
        tag("details", tag("summary", tag("b", "The baseline")), teacher) if teacher is not None else None,
        class_="long",
        id="models",
    )  # fmt: skip


def _model(figures: Figures, t: Trial, seen: Examination | None, *, opened: bool) -> Html:
    numbers = ", ".join(show(o.metric, t.value(o.metric)) for o in figures.view.front.objectives)
    notes = [tag("li", f"{part}: {why}") for part, why in sorted(seen.notes.items())] if seen else []
    return tag(
        "details",
        tag("summary", tag("b", f"Trial {t.number}"), f" {numbers}"),
        tag("p", tag("code", t.recipe.line, class_="recipe")),
        layers(figures, t, seen) if seen else None,
        bears(figures.view.borne.get(t.number), f"trial {t.number}"),
        _file(figures.view, t),
        answers(seen) if seen else None,
        looks(seen) if seen else None,
        tag("div", tag("h3", "Left out"), tag("ul", *notes)) if notes else None,
        **({"open": ""} if opened else {}),
    )


def _file(view: StudyView, t: Trial) -> Html | None:
    """How its latency spreads, how far it answers as the network does, and where it is."""
    found = by_metric(t.measurements)
    lines = [tag("li", f"{known(m).title}: {cell(found[m])}") for m in TIMES if m in found]
    parity = found["accuracy"].note if "accuracy" in found else ""
    lines += [tag("li", sentence(parity))] if parity else []
    lines += [tag("li", where)] if (where := the_file(view, t)) else []
    return tag("div", tag("h3", "The file"), tag("ul", *lines)) if lines else None
