"""What came of an analysis: a row for each recipe, with means over its seeds, beside what was published."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autocompress.values.analysis import BASELINE, CASE, Analysis, Case, Reference
from autocompress.values.columns import ORDER, Cell, columns, varied
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.recipe import Recipe
from autocompress.values.seeds import mean, merged
from autocompress.values.trial import Trial

TEST = "test_accuracy"
CLOSE = 1e-6  # relative, between a ratio as it is written here and there


@dataclass(frozen=True)
class Row:
    """`failed` are the codes of seeds that came to nothing; `trial` is the first of those that did not."""

    case: str
    recipe: Recipe
    cells: Mapping[str, Cell]
    seeds: tuple[int, ...]
    measurements: tuple[Measurement, ...]
    test: Measurement | None
    failed: tuple[str, ...] = ()
    trial: int | None = None
    baseline: bool = False

    def measured(self, metric: str) -> Measurement | None:
        return self.test if metric == TEST else by_metric(self.measurements).get(metric)

    @property
    def choices(self) -> dict[str, Cell]:
        """All that a reference may speak of."""
        mine: dict[str, Cell] = {**self.cells, **({CASE: self.case} if self.case else {})}
        return mine | ({BASELINE: True} if self.baseline else {})


@dataclass(frozen=True)
class Sweep:
    """`axis` is the choice that figures go along, or nothing."""

    analysis: Analysis
    rows: tuple[Row, ...]

    @property
    def varied(self) -> list[str]:
        """The columns that tell rows apart, without those that follow from the case or from the order of the stages."""
        if self.analysis.shown:
            return list(self.analysis.shown)
        found = varied([dict(row.cells) for row in self.rows if not row.baseline])
        found = [CASE, *found] if len(self.analysis.cases) > 1 else found
        kept = (CASE, ORDER, self.analysis.along)
        said = [name for name in (CASE, ORDER) if name in found]
        return [name for name in found if name in kept or not any(self._tells(one, name) for one in said)]

    @property
    def axis(self) -> str:
        numbers = {name: self._numbers(name) for name in self.varied}
        if self.analysis.along:
            return self.analysis.along if self.analysis.along in numbers else ""
        most = max(numbers, key=lambda name: len(numbers[name]), default="")
        return most if most and len(numbers[most]) >= 3 else ""

    @property
    def series(self) -> dict[str, list[Row]]:
        """The rows along the axis, by what else tells them apart."""
        found: dict[str, list[Row]] = {}
        others = [name for name in self.varied if not self._tells(self.axis, name)]
        for row in self.rows:
            if isinstance(row.choices.get(self.axis), float) and row.measurements:
                found.setdefault(named(row, others), []).append(row)
        return {name: sorted(some, key=lambda row: float(row.cells[self.axis])) for name, some in found.items()}

    def _tells(self, one: str, other: str) -> bool:
        """Whether rows that are alike in one column are alike in the other."""
        both = {(row.choices.get(one), row.choices.get(other)) for row in self.rows if not row.baseline}
        return len({first for first, _ in both}) == len(both)

    def _numbers(self, name: str) -> set[float]:
        return {x for row in self.rows if isinstance(x := row.cells.get(name), float)}

    def beside(self, reference: Reference) -> list[Row]:
        """The rows that a published number speaks of."""
        return [row for row in self.rows if _speaks_of(reference, row)]


def named(row: Row, names: Sequence[str]) -> str:
    """`taylor, 2`: what tells a row apart, in a few words."""
    cells = [row.choices[name] for name in names if name in row.choices]
    return ", ".join(f"{c:g}" if isinstance(c, float) else str(c) for c in cells)


def rows(
    case: Case,
    trials: Iterable[Trial],
    tests: Mapping[str, Measurement],
    baseline: tuple[Measurement, ...],
    base: Recipe | None,
) -> list[Row]:
    """Of one study: the baseline, then its recipes in the order in which they were listed."""
    same: dict[str, list[Trial]] = {}
    for t in sorted(trials, key=lambda t: (t.of if t.of is not None else t.number, t.seed)):
        same.setdefault(t.recipe.key, []).append(t)
    found = [_row(case.names.get(key, case.label), some, tests) for key, some in same.items()]
    if base is None or not baseline:
        return found
    return [Row(case.label, base, columns(base), (), baseline, tests.get(BASELINE), baseline=True), *found]


def _row(case: str, some: Sequence[Trial], tests: Mapping[str, Measurement]) -> Row:
    done = list({t.seed: t for t in some if t.state == "complete"}.values())
    tested = [m for t in done if (m := tests.get(str(t.number)))]
    lost = [t for t in some if t.state in ("failed", "infeasible") and t.seed not in {d.seed for d in done}]
    return Row(
        case,
        some[0].recipe,
        columns(some[0].recipe),
        tuple(t.seed for t in done),
        merged(done).measurements if done else (),
        mean(tested) if len(tested) > 1 else next(iter(tested), None),
        tuple(sorted({t.code or t.state for t in lost})),
        done[0].number if done else None,
    )


def _speaks_of(reference: Reference, row: Row) -> bool:
    mine = row.choices
    if row.baseline != bool(reference.row.get(BASELINE)):
        return False
    return all(_equal(mine.get(name), cell) for name, cell in reference.row.items())


def _equal(mine: Cell | None, wanted: Cell | None) -> bool:
    if wanted is True:
        return mine is not None
    if isinstance(mine, float) and isinstance(wanted, float):
        return math.isclose(mine, wanted, rel_tol=CLOSE, abs_tol=1e-12)
    return mine == wanted
