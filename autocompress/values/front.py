"""The feasible trials nobody beats, and which of them to take."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from autocompress.values.hypervolume import Points, hypervolume, nondominated
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement, by_metric, within_noise
from autocompress.values.metric import known, show
from autocompress.values.seeds import merged
from autocompress.values.soft import Breach, as_seen, breaches
from autocompress.values.trial import Trial

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Pick:
    """One trial of the front, the rule that chose it and the reason in words."""

    trial: Trial
    rule: str
    reason: str


@dataclass(frozen=True)
class Front:
    """Members are ordered best first by the first objective."""

    members: tuple[Trial, ...]
    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...] = ()
    baseline: tuple[Measurement, ...] = ()

    def pick(self, rule: str = "accuracy-first") -> Pick:
        if rule not in RULES:
            raise ValueError(f"no pick rule is called {rule!r}; there are {', '.join(RULES)}")
        if not self.members:
            raise ValueError("the front is empty: no complete trial fits the limits")
        plain, reason = RULES[rule](replace(self, limits=()))
        trial, why = RULES[rule](self)
        if len(self) == 1:
            reason = "the only model on the front"
        elif trial is not plain:
            reason = f"soft limits counted, {why}; without them it would be trial {plain.number}"
        broken = " and ".join(map(str, self.breaches(trial)))
        return Pick(trial, rule, f"{reason}; it breaks {broken}" if broken else reason)

    def breaches(self, trial: Trial) -> tuple[Breach, ...]:
        """The soft limits that a model breaks."""
        return breaches(by_metric(trial.measurements), self.limits)

    @cached_property
    def seen(self) -> dict[int, Trial]:
        """Members as the rules see them, by number: who breaks a soft limit seems worse."""
        return {t.number: as_seen(t, self.objectives, self.limits) for t in self.members}

    def picks(self) -> dict[str, Pick]:
        """Every rule's choice, as far as the numbers it needs are there."""
        rules = [r for r in RULES if r not in LEAST or _shared(self, LEAST[r])]
        return {r: self.pick(r) for r in rules if self.members}

    def to_pandas(self) -> "pd.DataFrame":
        """One row per member: number, every measurement with its spread, the recipe in one line."""
        import pandas as pd

        return pd.DataFrame([row(trial) for trial in self.members])

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        what = ", ".join(f"{o.metric} ({o.direction})" for o in self.objectives)
        return f"<Front of {len(self)} models over {what}>"


def row(trial: Trial) -> dict[str, Any]:
    """A trial as one flat row."""
    flat: dict[str, Any] = {"trial": trial.number, "state": trial.state, "feasible": trial.feasible}
    for m in trial.measurements:
        flat[m.metric] = m.value
        if m.spread is not None:
            flat[f"{m.metric}_spread"] = m.spread
        flat[f"{m.metric}_how"] = m.how
    return flat | {
        "recipe": trial.recipe.line,
        "artifact": trial.artifacts.get("model", ""),
        "seconds": trial.seconds,
        "cached_stages": trial.cached,
        "code": trial.code or "",
    }


def noisy(trials: Sequence[Trial], objectives: Sequence[Objective]) -> tuple[Points, Points]:
    """Values to be minimised, in their own units, and their standard errors; a row for each trial."""
    found = [[t.measured(o.metric) for o in objectives] for t in trials]
    assert all(m is not None for row in found for m in row), "whoever is compared has all the objectives"
    shape = (len(trials), len(objectives))
    values = [[o.signed(m.value) for o, m in zip(objectives, row, strict=True) if m] for row in found]
    spreads = [[m.spread or 0.0 for m in row if m] for row in found]
    return np.array(values, dtype=float).reshape(shape), np.array(spreads, dtype=float).reshape(shape)


def costs(trials: Sequence[Trial], objectives: Sequence[Objective]) -> Points:
    """One row per trial, all objectives to be minimised, costs in log scale."""
    rows = [[o.cost(t.value(o.metric)) for o in objectives] for t in trials]
    return np.array(rows, dtype=float).reshape(len(rows), len(objectives))


def front(
    trials: Sequence[Trial],
    objectives: Sequence[Objective],
    limits: Sequence[Limit] = (),
    baseline: Sequence[Measurement] = (),
) -> Front:
    """Complete, feasible, at full fidelity, and not beaten. Of trials with the same recipe the first stands for all.

    With several seeds its numbers are means over them. A front never compares an estimate with a measurement: where one
    model was measured, mere estimates stay outside.
    """
    seeds: dict[str, dict[int, Trial]] = {}
    for t in sorted(trials, key=lambda t: t.number):
        if t.state == "complete" and t.fidelity == 1.0:
            same = seeds.setdefault(t.recipe.key, {})
            if t.seed not in same or (t.feasible and not same[t.seed].feasible):
                same[t.seed] = t
    ready = [t for some in seeds.values() if (t := merged(list(some.values()))).feasible]
    for o in objectives:
        sure = [t for t in ready if (m := t.measured(o.metric)) is None or m.how != "estimated"]
        ready = sure or ready
    points = np.array([[o.signed(t.value(o.metric)) for o in objectives] for t in ready])
    if ready:
        order = sorted(np.flatnonzero(nondominated(points)), key=lambda i: (*points[i], ready[i].number))
        ready = [ready[i] for i in order]
    return Front(tuple(ready), tuple(objectives), tuple(limits), tuple(baseline))


def reference(
    objectives: Sequence[Objective],
    limits: Sequence[Limit],
    baseline: Sequence[Measurement],
    trials: Sequence[Trial] = (),
) -> Points:
    """The worst acceptable point, so that nobody has to invent one: the limit, else the baseline, else the worst."""
    bounds = {(x.metric, x.side == "max"): x.bound for x in limits}
    base = {m.metric: m.value for m in baseline}
    point = []
    for o in objectives:
        seen = [o.cost(t.value(o.metric)) for t in trials if t.state == "complete"]
        bound = bounds.get((o.metric, o.direction == "minimize"))
        if bound is not None:
            point.append(o.cost(bound))
        elif o.metric in base and o.direction == "minimize":
            point.append(o.cost(base[o.metric]))
        elif known(o.metric).unit == "fraction" and o.direction == "maximize":
            point.append(o.cost(0.0))
        else:
            point.append(max(seen, default=0.0) + 1e-9)
    return np.array(point)


def volume(members: Front, point: Points) -> float:
    """Hypervolume of the front against a reference point."""
    if not members.members:
        return 0.0
    return hypervolume(costs(members.members, members.objectives), point)


# --- which one to take -----------------------------------------------------------------------------------------------


def _accuracy_first(f: Front) -> tuple[Trial, str]:
    best_by = next((o for o in f.objectives if o.direction == "maximize"), f.objectives[0])
    best = min(f.members, key=lambda t: (_signed(f, best_by, t), t.number))
    ties = [t for t in f.members if _tied(f.seen[best.number], f.seen[t.number], best_by.metric)]
    by, word = _speed(f)
    trial = min(ties, key=lambda t: (_signed(f, by, t), _signed(f, best_by, t), t.number))
    name = known(best_by.metric).title
    if len(ties) == 1:
        return trial, f"best {name} of the {len(f)} models on the front; no other is within noise of it"
    others = f"{len(ties)} models are within noise of the best {name} ({_shown(best, best_by.metric)})"
    return trial, f"{others}; this is the {word} of them"


def _signed(f: Front, by: Objective, t: Trial) -> float:
    return by.signed(f.seen[t.number].value(by.metric))


def _tied(a: Trial, b: Trial, metric: str) -> bool:
    x, y = a.measured(metric), b.measured(metric)
    assert x is not None
    assert y is not None
    return within_noise(x, y)


def _balanced(f: Front) -> tuple[Trial, str]:
    points = costs([f.seen[t.number] for t in f.members], f.objectives)
    span = np.ptp(points, axis=0)
    scaled = (points - points.min(axis=0)) / np.where(span > 0, span, 1.0)
    worst = scaled.max(axis=1)
    best = min(range(len(f)), key=lambda i: (worst[i], float(scaled[i].sum()), f.members[i].number))
    return f.members[best], "smallest worst loss over the objectives, each scaled by the front's own range"


def _shared(f: Front, metrics: Iterable[str]) -> str | None:
    """The first of these metrics that every member has."""
    return next((m for m in metrics if all(t.measured(m) for t in f.members)), None)


def _least(word: str) -> Callable[[Front], tuple[Trial, str]]:
    def choose(f: Front) -> tuple[Trial, str]:
        metric = _shared(f, LEAST[word])
        if metric is None:
            raise ValueError(f"not every model on the front has {' or '.join(LEAST[word])}")
        trial = min(f.members, key=lambda t: (f.seen[t.number].value(metric), t.number))
        return trial, f"{word} of the {len(f)} models on the front: {_shown(trial, metric)}"

    return choose


def _speed(f: Front) -> tuple[Objective, str]:
    words = {"latency_p50": "fastest", "latency_p95": "fastest", "macs": "cheapest in MACs", "size": "smallest"}
    metric = _shared(f, words)
    if metric is not None:
        return Objective(metric=metric, direction="minimize"), words[metric]
    last = f.objectives[-1]
    return last, f"best in {known(last.metric).title}"


def _shown(trial: Trial, metric: str) -> str:
    m = trial.measured(metric)
    return show(metric, m.value, m.spread) if m else "?"


LEAST = {"fastest": ("latency_p50", "latency_p95", "macs"), "smallest": ("size", "params")}

RULES: dict[str, Callable[[Front], tuple[Trial, str]]] = {
    "accuracy-first": _accuracy_first,
    "balanced": _balanced,
    "fastest": _least("fastest"),
    "smallest": _least("smallest"),
}
