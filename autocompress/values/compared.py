"""Studies held against each other: one reference for all, who beats whom, and what differs between them."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from autocompress.values.attainment import RUNS, Goal, Lead, lead, median
from autocompress.values.cautions import cautions
from autocompress.values.domination import NOT, SURELY, beaten
from autocompress.values.entrant import Entrant, shared
from autocompress.values.front import Front, front, reference
from autocompress.values.hypervolume import Points
from autocompress.values.limit import Objective, resolved
from autocompress.values.measurement import by_metric
from autocompress.values.metric import known
from autocompress.values.repeated import Repeated, repeated
from autocompress.values.shaken import Volume, shaken
from autocompress.values.study import StudySpec, changes
from autocompress.values.trial import Trial


@dataclass(frozen=True)
class Beat:
    """Who beats a model: a trial of another study, surely or perhaps by noise."""

    study: int
    trial: int
    surely: bool


@dataclass(frozen=True)
class Member:
    """A model on the front of its study."""

    study: int
    trial: Trial
    beaten_by: tuple[Beat, ...]  # models of other studies

    @property
    def joint(self) -> bool:
        """On the front of all studies together."""
        return not self.beaten_by


@dataclass(frozen=True)
class Beaten:
    """How many models of one study are beaten by those of another."""

    surely: int
    maybe: int  # by no more than noise
    of: int


@dataclass(frozen=True)
class Side:
    """One of the studies. Its front is that of the objectives which all share."""

    entrant: Entrant
    front: Front
    volume: Volume
    ratio: float | None  # of its hypervolume to that of the first study
    joint: int  # of its models, those on the front of all studies together
    changed: tuple[str, ...]  # against the first study

    @property
    def name(self) -> str:
        return self.entrant.spec.name


@dataclass(frozen=True)
class Group:
    """Runs of one study with several seeds."""

    repeated: Repeated
    volume: tuple[float, float]  # mean, and its standard error
    median: tuple[Goal, ...]  # what at least half of the runs reach


@dataclass(frozen=True)
class Attainment:
    """Two groups on the first two objectives: where each is furthest ahead of the other."""

    first: int  # places among the groups
    second: int
    ahead: Lead | None  # of the first
    behind: Lead | None  # of the second


@dataclass(frozen=True)
class Comparison:
    objectives: tuple[Objective, ...]  # which all studies share
    reference: Points  # costs, the same for all
    sides: tuple[Side, ...]
    members: tuple[Member, ...]  # study by study, best first
    beaten: tuple[tuple[Beaten, ...], ...]  # row: whose models; column: by whose
    groups: tuple[Group, ...]  # with enough seeds
    attainment: tuple[Attainment, ...]
    no_attainment: str  # why there is none, or nothing
    cautions: tuple[str, ...]  # what to know before believing it

    @property
    def bounds(self) -> Goal:
        """The reference as people read it."""
        return tuple(_natural(o, float(x)) for o, x in zip(self.objectives, self.reference, strict=True))


def compared(entrants: Sequence[Entrant]) -> Comparison:
    """At least two; ratios and changes are against the first."""
    objectives = shared(entrants)
    fronts = [_front(e, objectives) for e in entrants]
    point = _reference(entrants, fronts, objectives)
    volumes = [shaken(f, point) for f in fronts]
    members = tuple(m for i, f in enumerate(fronts) for m in _members(i, f, fronts))
    sides = tuple(
        Side(
            e,
            fronts[i],
            volumes[i],
            volumes[i].value / volumes[0].value if volumes[0].value else None,
            sum(m.joint for m in members if m.study == i),
            _changed(entrants[0].spec, e.spec),
        )
        for i, e in enumerate(entrants)
    )
    alike = repeated([e.spec for e in entrants])
    groups = tuple(_group(one, fronts, volumes, objectives) for one in alike if len(one.runs) >= RUNS)
    return Comparison(
        objectives,
        point,
        sides,
        members,
        tuple(tuple(_beaten(members, i, j) for j in range(len(fronts))) for i in range(len(fronts))),
        groups,
        tuple(_attainment(groups, fronts, objectives, point)),
        _why_not(alike),
        tuple(cautions(entrants, fronts)),
    )


def _front(e: Entrant, objectives: Sequence[Objective]) -> Front:
    return front(e.trials, objectives, resolved(e.spec.limits, by_metric(e.baseline)), e.baseline)


def _reference(entrants: Sequence[Entrant], fronts: Sequence[Front], objectives: Sequence[Objective]) -> Points:
    """The worst of what each would take: where they agree on a limit, that limit."""
    every = [t for e in entrants for t in e.trials]
    points = [reference(objectives, f.limits, f.baseline, every) for f in fronts]
    worst: Points = np.max(points, axis=0)
    return worst


def _natural(objective: Objective, cost: float) -> float:
    """The value that has this cost, without the digits that logarithms make up."""
    seen = cost if objective.direction == "minimize" else -cost
    log = (objective.scale or known(objective.metric).scale) == "log"
    return float(f"{math.exp(seen) if log else seen:.12g}")


# --- who beats whom --------------------------------------------------------------------------------------------------


def _members(study: int, ours: Front, fronts: Sequence[Front]) -> list[Member]:
    """Those that surely beat a model come first."""
    beats: list[list[Beat]] = [[] for _ in ours.members]
    for j, theirs in enumerate(fronts):
        table = beaten(ours.members, theirs.members, ours.objectives)
        for row, column in np.argwhere(table != NOT).tolist():
            beats[row].append(Beat(j, theirs.members[column].number, bool(table[row, column] == SURELY)))
    return [
        Member(study, trial, tuple(sorted(some, key=lambda b: not b.surely)))
        for trial, some in zip(ours.members, beats, strict=True)
    ]


def _beaten(members: Sequence[Member], whose: int, by: int) -> Beaten:
    """A model counts once: surely beaten if one of theirs surely beats it."""
    mine = [[b.surely for b in m.beaten_by if b.study == by] for m in members if m.study == whose]
    surely = sum(any(some) for some in mine)
    return Beaten(surely, sum(bool(some) for some in mine) - surely, len(mine))


# --- what differs ----------------------------------------------------------------------------------------------------


def _changed(old: StudySpec, new: StudySpec) -> tuple[str, ...]:
    """Path by path, the name left out. Of another device only its name: everything in it differs."""
    a, b = ({**s.identity, "budget": s.budget.model_dump(mode="json")} for s in (old, new))
    if old.device and new.device and old.device.id != new.device.id:
        a["device"], b["device"] = old.device.id, new.device.id
    a["name"] = b["name"] = ""
    return tuple(changes(a, b))


# --- several seeds ---------------------------------------------------------------------------------------------------


def _group(one: Repeated, fronts: Sequence[Front], volumes: Sequence[Volume], objectives: Sequence[Objective]) -> Group:
    values = [volumes[i].value for i in one.runs]
    error = statistics.stdev(values) / len(values) ** 0.5
    return Group(one, (statistics.fmean(values), error), median([fronts[i] for i in one.runs], objectives))


def _attainment(
    groups: Sequence[Group], fronts: Sequence[Front], objectives: Sequence[Objective], point: Points
) -> list[Attainment]:
    runs = [[fronts[i] for i in g.repeated.runs] for g in groups]
    return [
        Attainment(i, j, lead(runs[i], runs[j], objectives, point), lead(runs[j], runs[i], objectives, point))
        for i, j in combinations(range(len(groups)), 2)
    ]


def _why_not(alike: Sequence[Repeated]) -> str:
    if sum(len(one.runs) >= RUNS for one in alike) >= 2:
        return ""
    if len(alike) == 1:
        return f"all are runs of one study, {alike[0].name}; there is no other to hold them against"
    few = ", ".join(f"{one.name} has {len(one.runs)}" for one in alike if len(one.runs) < RUNS)
    return f"it needs {RUNS} runs of each study, that differ in seed alone: {few}"
