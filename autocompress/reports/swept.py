"""An analysis in tables and figures: a row for each recipe, and beside it what was published."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from autocompress.reports.against import points, times
from autocompress.reports.drawing.dots import Dot, dots_chart
from autocompress.reports.drawing.lines import Spot, lines_chart
from autocompress.reports.drawing.picture import Picture
from autocompress.reports.grid import cell
from autocompress.reports.sheet import Sheet
from autocompress.study.sweep import Break
from autocompress.values.analysis import BASELINE, CASE, Reference, Size
from autocompress.values.columns import Cell
from autocompress.values.domination import SURE
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.metric import known, show
from autocompress.values.sweep import TEST, Row, Sweep, named

SCHEMA = "autocompress.sweep/v1"
USUAL = (TEST, "accuracy", "params", "params_nonzero", "macs", "size", "size_packed", "latency_p50")
WIDTH, HEIGHT = 620, 380  # pixels
MOST_MARKED = 4  # breakpoints in one figure


def title(metric: str) -> str:
    return "test accuracy" if metric == TEST else known(metric).title


def shown(metric: str, value: float, spread: float | None = None) -> str:
    return show("accuracy" if metric == TEST else metric, value, spread)


def metrics(sweep: Sweep) -> list[str]:
    """The usual ones, and those that somebody has published."""
    wanted = {m for reference in _references(sweep) for m in reference.values}
    found = [by_metric(row.measurements) | ({TEST: row.test} if row.test else {}) for row in sweep.rows]
    return metrics_of(found, sorted(wanted))


def metrics_of(rows: Sequence[Mapping[str, Measurement]], more: Sequence[str] = ()) -> list[str]:
    """Those that anybody has measured. Parameters that are not 0 only where there are others."""
    told = [m for m in dict.fromkeys((*USUAL, *more)) if any(m in row for row in rows)]
    zeros = any(r["params"].value != r["params_nonzero"].value for r in rows if {"params", "params_nonzero"} <= {*r})
    return [m for m in told if m != "params_nonzero" or zeros]


# --- tables ---


def table(sweep: Sweep) -> Sheet:
    names, told = sweep.varied, metrics(sweep)
    rows = [
        (
            *(_text(row, name, first=i == 0) for i, name in enumerate(names or [""])),
            str(len(row.seeds)) if not row.baseline else "–",
            *(cell(row.measured(m)) for m in told),
            " ".join(row.failed),
        )
        for row in sweep.rows
    ]
    lost = any(row[-1] for row in rows)
    header = (*(names or ["recipe"]), "seeds", *map(title, told), *(["failed"] if lost else []))
    said = sweep.analysis.title or sweep.analysis.name
    return Sheet(said, header, tuple(row if lost else row[:-1] for row in rows), (*(names or ["recipe"]), "failed"))


def _text(row: Row, name: str, *, first: bool) -> str:
    if row.baseline and (first or name == CASE):
        return f"{row.case} {BASELINE}".strip() if name == CASE else BASELINE
    if not name:
        return row.recipe.line
    told = None if row.baseline else row.choices.get(name)
    return "–" if told is None else f"{told:g}" if isinstance(told, float) else str(told)


def breaks_of(sweep: Sweep, breaks: Sequence[Break]) -> list[dict[str, Any]]:
    """How far each line bears what its axis takes, and the numbers of the baseline, before it and there."""
    left = "params_nonzero" if "params_nonzero" in metrics(sweep) else "params"
    bases = {row.case: row for row in sweep.rows if row.baseline}
    return [
        {
            "of": one.series or sweep.analysis.name,
            **asdict(one.found),
            "resolved": one.found.resolved,
            "trial": one.at.trial,
            "left": left,
            "baseline": _values(bases.get(one.at.case), left),
            "before": _values(one.before, left),
            "there": _values(one.at, left),
        }
        for one in breaks
    ]


def _values(row: Row | None, left: str) -> dict[str, tuple[float, float | None]]:
    found = {m: row.measured(m) for m in ("accuracy", TEST, left)} if row else {}
    return {metric: (m.value, m.spread) for metric, m in found.items() if m}


def broken(breaks: Sequence[Mapping[str, Any]], axis: str, drop: float) -> Sheet | None:
    """What `breaks_of` found, as people read it."""
    if not breaks:
        return None
    rows = []
    for one in breaks:
        before, there, left = one["before"], one["there"], one["left"]
        accuracies = (
            shown(m, *numbers[m]) if m in numbers else "–" for m in ("accuracy", TEST) for numbers in (before, there)
        )
        rest = there.get(left, (0.0,))[0]
        fewer = f"{100 * (1 - rest / before[left][0]):.2f} %" if rest and left in before else "–"
        smaller = [
            times(whole[left][0] / rest) if rest and left in whole else "–" for whole in (before, one["baseline"])
        ]
        rows.append(
            (one["of"], f"{one['ratio']:g}", f"{one['low']:.2f} to {one['high']:.2f}", *accuracies, fewer, *smaller)
        )
    header = (
        *("of", "breakpoint", "within one error", "accuracy before", "there", "test before", "there "),
        *(f"fewer {title(breaks[0]['left'])}", "smaller", "than the baseline"),
    )
    return Sheet(f"the last {axis} that loses {100 * drop:g} points or less", header, tuple(rows), ("of",))


def beside(sweep: Sweep) -> list[dict[str, Any]]:
    """A row for each published number: it, ours, and the difference. Ours is missing where nothing like it was run."""
    found = []
    for reference in _references(sweep):
        mine = sweep.beside(reference)
        for metric, value in reference.values.items():
            ours = [m for row in mine if (m := row.measured(metric))]
            best = ours[0] if len(ours) == 1 else None
            found.append(
                {
                    "of": _said(reference.row),
                    "metric": metric,
                    "published": value,
                    "ours": best.value if best else None,
                    "spread": best.spread if best else None,
                    "how": best.how if best else None,
                    "note": reference.note,
                }
            )
    return found


def compared(sweep: Sweep) -> Sheet | None:
    """The same as people read it; not of the small version, of which nobody has published anything."""
    if sweep.analysis.size == "smoke":
        return None
    rows = [told(one, sweep.analysis.size) for one in beside(sweep)]
    if not rows:
        return None
    header = ("of", "number", "published", "ours", "difference", "note")
    scale = ", at a reduced scale" if sweep.analysis.size == "reduced" else ""
    other = ", but on other data than the file says" if sweep.analysis.other_data else ""
    kept = len(header) if any(row[-1] for row in rows) else len(header) - 1
    return Sheet(
        f"beside what was published{scale}{other}",
        header[:kept],
        tuple(row[:kept] for row in rows),
        ("of", "number", "note"),
    )


def told(one: Mapping[str, Any], size: Size) -> tuple[str, ...]:
    """A row of `beside` as people read it: of, number, published, ours, difference, note."""
    metric, published, ours = one["metric"], one["published"], one["ours"]
    if ours is None:
        mine = ("not run", "")
    else:
        mine = shown(metric, ours, one["spread"]), difference(metric, published, ours, size)
    return one["of"], title(metric), shown(metric, published), *mine, one["note"]


def difference(metric: str, published: float, ours: float, size: Size = "whole") -> str:
    """Points between shares, else how many times; bytes and milliseconds of a smaller network are no answer."""
    if metric == TEST or known(metric).unit == "fraction":
        return f"{points(ours - published)} points"
    if size != "whole":
        return ""
    if ours == published:
        return "equal"
    return f"{ours / published:.3g} times" if published else "–"


def _references(sweep: Sweep) -> Sequence[Reference]:
    return sweep.analysis.published.numbers if sweep.analysis.published else ()


def _said(row: Mapping[str, Cell | None]) -> str:
    """`taylor, prune.ratio 0.3`."""
    told = {name: v for name, v in row.items() if v is not None}
    words = [str(v) if isinstance(v, str) else f"{n} {v:g}" if isinstance(v, float) else n for n, v in told.items()]
    return ", ".join(words) or "every row"


# --- for programs ---


def document(
    sweep: Sweep, environment: Mapping[str, str], breaks: Sequence[Break] = (), drop: float | None = None
) -> dict[str, Any]:
    published = sweep.analysis.published
    return {
        "schema": SCHEMA,
        "analysis": sweep.analysis.name,
        "title": sweep.analysis.title,
        "scale": sweep.analysis.scale,
        "size": sweep.analysis.size,
        "data": {case.label: case.spec.data for case in sweep.analysis.cases},
        "other_data": sweep.analysis.other_data,
        "axis": sweep.axis or None,
        "environment": dict(environment),
        "studies": {case.label: case.spec.name for case in sweep.analysis.cases},
        "rows": [
            {
                "case": row.case or None,
                "baseline": row.baseline,
                "choices": dict(row.cells),
                "recipe": row.recipe.tree,
                "seeds": list(row.seeds),
                "failed": list(row.failed),
                "trial": row.trial,
                "measurements": [m.model_dump(mode="json") for m in row.measurements],
                "test_accuracy": row.test.model_dump(mode="json") if row.test else None,
            }
            for row in sweep.rows
        ],
        "drop": drop,  # what accuracy may lose at a breakpoint
        "breakpoints": breaks_of(sweep, breaks),
        "published": {"source": published.source, "setting": published.setting, "numbers": beside(sweep)}
        if published
        else None,
    }


def tidy(sweep: Sweep) -> list[dict[str, Any]]:
    """A row for each number of each recipe."""
    return [
        {
            CASE: row.case,
            BASELINE: row.baseline,
            **{name: row.cells.get(name) for name in sweep.varied if name != CASE},
            "trial": row.trial,
            "seeds": len(row.seeds),
            "metric": metric,
            "value": m.value,
            "spread": m.spread,
            "how": m.how,
            "n": m.n,
        }
        for row in sweep.rows
        for metric in sorted({x.metric for x in row.measurements} | {TEST})
        if (m := row.measured(metric))
    ]


# --- figures ---


def pictures(sweep: Sweep, breaks: Sequence[Break] = ()) -> Iterator[Picture]:
    """Each number along the axis, a line for all that is equal but for it; without an axis a mark for each recipe."""
    for metric in metrics(sweep):
        values = {m.value for row in sweep.rows if (m := row.measured(metric))}
        if len(values) < 2:
            continue
        drawn = _along(sweep, metric, breaks) if sweep.axis else _by_row(sweep, metric)
        if drawn is not None:
            yield Picture(metric.replace("_", "-"), f"{title(metric)} of {sweep.analysis.name}", drawn)


def _along(sweep: Sweep, metric: str, breaks: Sequence[Break]) -> Any:
    percent = metric == TEST or known(metric).unit == "fraction"
    few = breaks if percent and len(breaks) <= MOST_MARKED else ()
    marked = [(one.found.ratio, f"{one.series} {one.found.ratio:g}".strip()) for one in few]
    series = [
        (name, [_spot(sweep, row, metric, m) for row in some if (m := row.measured(metric))])
        for name, some in sweep.series.items()
    ]
    y = f"{title(metric)}, %" if percent else title(metric)
    return (
        lines_chart(series, sweep.axis, y, width=WIDTH, height=HEIGHT, percent=percent, marked=marked)
        if series
        else None
    )


def _spot(sweep: Sweep, row: Row, metric: str, m: Measurement) -> Spot:
    low, high = _interval(m)
    return Spot(float(row.cells[sweep.axis]), m.value, low, high, f"{row.recipe.line}: {cell(m)}")


def _by_row(sweep: Sweep, metric: str) -> Any:
    known_of = {
        id(row): one.values[metric] for one in _references(sweep) if metric in one.values for row in sweep.beside(one)
    }
    dots = []
    for row in sweep.rows:
        if m := row.measured(metric):
            low, high = _interval(m)
            name = (
                _text(row, CASE if sweep.varied[:1] == [CASE] else "", first=True)
                if row.baseline
                else named(row, sweep.varied)
            )
            dots.append(Dot(name or row.recipe.line, m.value, low, high, known_of.get(id(row))))
    return dots_chart(dots, metric if metric != TEST else "accuracy", title(metric), width=WIDTH)


def _interval(m: Measurement) -> tuple[float | None, float | None]:
    """95 %."""
    return (m.value - SURE * m.spread, m.value + SURE * m.spread) if m.spread else (None, None)
