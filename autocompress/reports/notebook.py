"""What a notebook shows of a study, a front, a trial or a device: the charts and tables of the report.

autocompress tells an IPython about it when it is imported into one. The values themselves stay plain data.
"""

from collections.abc import Callable
from typing import Any

from autocompress.reports.against import against
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.look import RECOLOUR
from autocompress.reports.drawing.picture import inline
from autocompress.reports.grid import cell, front_grid
from autocompress.reports.html import Html, tag
from autocompress.reports.of_study import view_of
from autocompress.reports.shell import own
from autocompress.reports.table import STAR, compared_metrics, summary
from autocompress.reports.tabled import tabled
from autocompress.reports.view import StudyView
from autocompress.study.study import Study
from autocompress.values.device import Device
from autocompress.values.front import Front
from autocompress.values.measurement import by_metric
from autocompress.values.metric import known, show
from autocompress.values.study import Budget, StudySpec
from autocompress.values.trial import Trial


def shown(value: Any) -> str:
    """As HTML."""
    return SHOWN[type(value)](value)


def study(given: Study) -> str:
    """The answer, the trade-offs, the table of the front."""
    if not given.begun:
        return _wrapped(tag("p", f"{given.spec.name}: not run yet"))
    view = view_of(given)
    return _wrapped(tag("p", summary(view)), _charts(view), _table(view))


def front(given: Front) -> str:
    """Its own members alone: a front does not know who was beaten."""
    if not given.members:
        return _wrapped(tag("p", repr(given)))
    spec = StudySpec(name="front", space={}, objectives=given.objectives, limits=given.limits, budget=Budget(trials=0))
    view = StudyView(spec, given.members, given.baseline, given, {}, 0.0, {})
    return _wrapped(_charts(view), _table(view))


def trial(given: Trial) -> str:
    """Everything that was measured of it, and how."""
    rows = [(known(m.metric).title, cell(m), m.how, m.on) for m in by_metric(given.measurements).values()]
    broken = f", breaks {', '.join(given.broken)}" if given.broken else ""
    why = f": {given.message}" if given.message else ""
    return _wrapped(
        tag("p", tag("b", f"Trial {given.number}"), f" {given.state}{broken}{why}"),
        tag("p", tag("code", given.recipe.line)),
        tabled((), rows) if rows else None,
    )


def device(given: Device) -> str:
    """Where a model must fit, limit by limit, and what runs it."""
    facts = [("kind", given.kind), ("core", given.core), ("runtime", ", ".join(r.title for r in given.runtimes))]
    facts += [("bits of weights", ", ".join(map(str, given.bits)))]
    facts += [(name, show("size", m.usable)) for name, m in (("RAM", given.ram), ("flash", given.flash)) if m]
    facts += [("limit", str(limit)) for limit in given.limits]
    return _wrapped(tag("p", tag("b", given.name)), tabled((), facts))


SHOWN: dict[type, Callable[[Any], str]] = {Study: study, Front: front, Trial: trial, Device: device}


def _charts(view: StudyView) -> Html | None:
    figures = Figures(view)
    if not figures.tradeoffs:
        return None
    name = figures.tradeoffs[0].name
    return tag("div", Html(inline(figures.svgs[name], f"{view.spec.name}-{name}")), class_="chart")


def _table(view: StudyView) -> Html | None:
    if not view.front.members:
        return None
    grid = front_grid(view)
    rows = [((f"{STAR} " if row.picked else "") + row.cells[0], *row.cells[1:]) for row in grid.rows]
    pick = view.pick
    claims = against(pick.trial.measurements, view.baseline, compared_metrics(view)) if pick else []
    said = f"{STAR} against the baseline: {', '.join(map(str, claims))}" if claims else None
    return tag("div", tabled(grid.header, rows), tag("p", said) if said else None)


def _wrapped(*parts: Html | None) -> str:
    return tag("div", tag("style", Html(_style())), *parts, class_="autocompress")


def _style() -> str:
    """The page's colours, for what stands inside the cell alone."""
    variables = own("page.css").partition("* {")[0].replace(":root", ".autocompress")
    return f"{variables}\n{RECOLOUR}\n.autocompress :is(td, th) {{ padding: 3px 10px 3px 0; text-align: left; }}"
