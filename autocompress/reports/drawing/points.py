"""The trials as the charts see them: one flat row each, in the units of the axes, thinned where nobody could look."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autocompress.reports.drawing.axis import Axis, axis
from autocompress.reports.view import StudyView
from autocompress.values.domination import SURE
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.metric import show
from autocompress.values.trial import Trial

MOST = 1200  # marks of trials that are not on the front

Row = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """What is no trial and stands beside them: the baseline, a teacher."""

    name: str
    shape: str
    values: dict[str, Measurement]


@dataclass(frozen=True)
class Points:
    view: StudyView

    @cached_property
    def drawn(self) -> tuple[Trial, ...]:
        """Every complete trial: those that matter, and of the rest at most MOST, evenly."""
        special = set(self.view.standings) | {p.trial.number for p in self.view.picks.values()}
        names = [o.metric for o in self.view.front.objectives]
        done = [t for t in self.view.trials if t.state == "complete" and all(t.measured(n) for n in names)]
        rest = [t for t in done if t.number not in special]
        step = max(1.0, len(rest) / MOST)
        kept = {rest[int(i * step)].number for i in range(min(len(rest), MOST))}
        return tuple(t for t in done if t.number in special or t.number in kept)

    @cached_property
    def left_out(self) -> int:
        names = [o.metric for o in self.view.front.objectives]
        done = sum(t.state == "complete" and all(t.measured(n) for n in names) for t in self.view.trials)
        return done - len(self.drawn)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """One per objective, in their order."""
        view = self.view
        found = []
        for o in view.front.objectives:
            members = [t.value(o.metric) for t in view.front.members]
            bounds = [x.bound for x in view.front.limits if x.metric == o.metric and x.bound is not None]
            others = [t.value(o.metric) for t in self.drawn]
            base = [m.value for m in view.baseline if m.metric == o.metric]
            if members or others:
                found.append(axis(o, members or others, [*others, *bounds, *base]))
        return tuple(found)

    @cached_property
    def rows(self) -> list[Row]:
        members = {t.number: t for t in self.view.front.members}
        area = self._areas()
        return [self._row(members.get(t.number, t), area) for t in self.drawn]

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        return (Reference("baseline", "square", by_metric(self.view.baseline)),) if self.view.baseline else ()

    def kind(self, trial: Trial) -> str:
        """front, noise, beaten or breaks."""
        standing = self.view.standings.get(trial.number)
        if standing:
            return "front" if standing == "on the front" else "noise"
        return "beaten" if trial.feasible else "breaks"

    def _row(self, t: Trial, area: dict[int, float]) -> Row:
        row: Row = {"trial": t.number, "kind": self.kind(t), "area": area.get(t.number, 60.0)}
        said = []
        for i, a in enumerate(self.axes):
            m = t.measured(a.metric)
            assert m is not None
            row[f"m{i}"] = _short(a.at(m.value))
            if m.spread and t.number in self.view.standings:
                row[f"m{i}_low"] = _short(a.at(m.value - SURE * m.spread))
                row[f"m{i}_high"] = _short(a.at(m.value + SURE * m.spread))
            said.append(show(a.metric, m.value, m.spread))
        return row | {"tip": f"trial {t.number}: {', '.join(said)}"}

    def _areas(self) -> dict[int, float]:
        """The third objective as area, the better the smaller."""
        if len(self.axes) < 3:
            return {}
        third = self.axes[2]
        every = {n: t.value(third.metric) for n, t in ((t.number, t) for t in self.drawn)}
        kept = [v for n, v in every.items() if n in self.view.standings]
        low, high = min(kept, default=1.0), max(kept, default=1.0)
        span = high - low or 1.0
        return {n: round(40 + 140 * min(max((v - low) / span, 0.0), 1.0), 1) for n, v in every.items()}


def _short(value: float) -> float:
    return float(f"{value:.6g}")
