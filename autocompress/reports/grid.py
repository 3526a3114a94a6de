"""The front as rows of text, ready for a terminal, a page or a comment: the baseline first, then the models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from autocompress.reports.view import StudyView
from autocompress.values.job import BASELINE
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.metric import known, show
from autocompress.values.recipe import Recipe

ESTIMATED = "≈"
ALSO = ("size", "params", "macs")  # shown whether or not they are objectives
SHORT = {"macs": "MACs", "params": "params", "latency_p50": "latency"}  # headings that would be wider than their column


@dataclass(frozen=True)
class Row:
    number: int | None  # None: the baseline
    cells: tuple[str, ...]
    picked: bool = False


@dataclass(frozen=True)
class Grid:
    """Cells under their headings. The last column is the recipe, the first the trial; between them are numbers."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    estimates: bool  # some numbers are estimates, marked as such


def metrics_of(view: StudyView) -> list[str]:
    """What a reader wants to see of a model: objectives, what the limits speak of, size, parameters and MACs."""
    wanted = [o.metric for o in view.front.objectives] + [x.metric for x in view.front.limits] + list(ALSO)
    seen = {m.metric for t in view.front.members for m in t.measurements} | {m.metric for m in view.baseline}
    return [m for m in dict.fromkeys(wanted) if m in seen]


def front_grid(view: StudyView, metrics: Sequence[str] | None = None) -> Grid:
    """Every member of the front, best first by the first objective."""
    metrics = metrics_of(view) if metrics is None else metrics
    pick = view.pick
    tested = any(n in view.test_accuracy for n in (BASELINE, *(t.number for t in view.front.members)))
    rows = []
    if view.baseline:
        cells = _numbers(by_metric(view.baseline), metrics)
        rows.append(Row(None, ("baseline", *cells, *_test(view, BASELINE, tested), baseline_recipe(view))))
    for t in view.front.members:
        beyond = {one.limit.metric: one.by for one in view.front.breaches(t)}
        numbers = _numbers(by_metric(t.measurements), metrics, beyond)
        cells = (str(t.number), *numbers, *_test(view, t.number, tested))
        rows.append(Row(t.number, (*cells, t.recipe.line), picked=pick is not None and pick.trial is t))
    header = ("trial", *(heading(m) for m in metrics), *(["test accuracy"] if tested else []), "recipe")
    return Grid(header, tuple(rows), any(ESTIMATED in c for row in rows for c in row.cells[:-1]))


def baseline_recipe(view: StudyView) -> str:
    """What the baseline is, in one line."""
    return Recipe.of(view.spec.teacher).line if isinstance(view.spec.teacher, dict) else "uncompressed"


def heading(metric: str) -> str:
    """What stands above a metric's column."""
    return SHORT.get(metric, known(metric).title)


def cell(m: Measurement | None) -> str:
    """A number with its standard error; an estimate says so."""
    if m is None:
        return "–"
    mark = f"{ESTIMATED} " if m.how == "estimated" else ""
    return mark + show(m.metric, m.value, m.spread)


def _numbers(
    found: dict[str, Measurement], metrics: Sequence[str], beyond: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, ...]:
    """`beyond`: by how much those break a soft limit that do."""
    return tuple(cell(found.get(m)) + (f" ({beyond[m]})" if m in beyond else "") for m in metrics)


def _test(view: StudyView, number: int, tested: bool) -> tuple[str, ...]:
    return (cell(view.test_accuracy.get(number)),) if tested else ()
