"""Every recipe of a small space, each with several seeds: a study in which nobody chooses, kill-safe like any other."""

from typing import NamedTuple

from autocompress.compress.breakpoint import Breakpoint, breakpoint
from autocompress.errors import StudyError
from autocompress.search.every import every
from autocompress.search.known import Params
from autocompress.study.home import study_folder
from autocompress.study.inheritance import Inheritance
from autocompress.study.study import Study
from autocompress.study.wishes import Wish
from autocompress.values.analysis import Analysis, Case
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.sweep import TEST, Row, Sweep, rows


def studies(analysis: Analysis, *, seeds: int | None = None, storage: str | None = None) -> list[Study]:
    """One for each case. What was trained already is not trained again; more seeds are added to those there are."""
    return [_study(case, seeds or analysis.seeds, storage) for case in analysis.cases]


def outcome(analysis: Analysis, done: list[Study]) -> Sweep:
    """As far as they have been run."""
    found: list[Row] = []
    for case, study in zip(analysis.cases, done, strict=True):
        if study.begun:
            tests = {n: Measurement.model_validate(m) for n, m in (study.fact(TEST) or {}).items()}
            base = Recipe.of(study.spec.teacher) if study.spec.teacher else None
            found += rows(case, study.trials, tests, study.baseline, base)
    return Sweep(analysis, tuple(found))


class Break(NamedTuple):
    """How far one line of an analysis bears what its axis takes away."""

    series: str
    found: Breakpoint
    before: Row
    at: Row


def breakpoints(sweep: Sweep, drop: float = 0.01) -> list[Break]:
    """Of each line that begins with nothing taken, by validation accuracy; the last that loses no more than `drop`."""
    breaks = []
    for name, rows_of in sweep.series.items():
        ratios = [float(row.cells[sweep.axis]) for row in rows_of]
        known = [m for row in rows_of if (m := row.measured("accuracy"))]
        if len(known) == len(rows_of) >= 2 and ratios[0] == 0 and ratios[-1] < 1:
            found = breakpoint(ratios, [m.value for m in known], known[0].n, drop=drop)
            breaks.append(Break(name, found, rows_of[0], rows_of[ratios.index(found.ratio)]))
    return breaks


def _study(case: Case, seeds: int, storage: str | None) -> Study:
    spec = case.spec.without_a_search()
    study = Study(spec, study_folder(spec.name), storage, closely=False, every=True)
    study.inherits = Inheritance(tuple(_wishes(spec.seed, _fillings(case), seeds)))
    return study


def _fillings(case: Case) -> list[Params]:
    if case.fillings is not None:
        return list(case.fillings)
    try:
        return every(case.spec.space)
    except ValueError as error:
        raise StudyError(f"{case.spec.name}: its recipes cannot be listed: {error}") from None


def _wishes(first: int, fillings: list[Params], seeds: int) -> list[Wish]:
    """Seed by seed, so that of every recipe something is known soon."""
    return [Wish(p, "listed", place, first + more) for more in range(seeds) for place, p in enumerate(fillings)]
