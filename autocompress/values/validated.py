"""What became of a front whose recipes were trained again with fresh seeds: who holds, and who was only lucky."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from autocompress.values.front import Front
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.metric import known, show
from autocompress.values.seeds import mean, merged
from autocompress.values.trial import Trial

Verdict = Literal["holds", "within noise", "fell off", "broke a limit", "failed"]
NOISE = 1.0  # standard errors


@dataclass(frozen=True)
class Validated:
    """A member of the front, by its fresh seeds alone: no number that the search has chosen by is in here."""

    trial: int
    seeds: tuple[int, ...]  # those with which it could be trained
    measurements: tuple[Measurement, ...]  # means over them
    test_accuracy: Measurement | None
    verdict: Verdict
    why: str

    @property
    def stands(self) -> bool:
        """Whether nothing but noise speaks against it."""
        return self.verdict in ("holds", "within noise")

    def measured(self, metric: str) -> Measurement | None:
        return by_metric(self.measurements).get(metric)


@dataclass(frozen=True)
class Curse:
    """The winner's curse: how much better members looked when they were chosen than they are, on average."""

    value: float
    spread: float | None  # one standard error
    members: int


def validated(front: Front, trials: Iterable[Trial], tests: Mapping[int, Measurement]) -> dict[int, Validated]:
    """By the number of each member that was tried again. `trials` are the fresh ones, `tests` the accuracy of their
    files on the test split.

    All are judged by their means: who is beaten in everything by more than a standard error fell off.
    """
    ended: dict[str, list[Trial]] = {}
    for t in trials:
        if t.state not in ("waiting", "running"):
            ended.setdefault(t.recipe.key, []).append(t)
    tried = {m.number: ended[m.recipe.key] for m in front.members if m.recipe.key in ended}
    done = {number: _by_seed(again) for number, again in tried.items()}
    means = {number: merged([_as_drawn(t) for t in some]) for number, some in done.items() if some}
    limits = [x for x in front.limits if x.hard]
    fitting = {number: t for number, t in means.items() if not _broken(t, limits)}
    found = {}
    for number, some in done.items():
        tested = [tests[t.number] for t in some if t.number in tests]
        verdict, why = _judged(number, means, fitting, front.objectives, limits) if some else ("failed", "")
        found[number] = Validated(
            trial=number,
            seeds=tuple(t.seed for t in some),
            measurements=merged(some).measurements if some else (),
            test_accuracy=mean(tested) if len(tested) > 1 else next(iter(tested), None),
            verdict=verdict,
            why="; ".join(filter(None, (why, _lost(tried[number], some)))),
        )
    return found


def winners_curse(front: Front, found: Mapping[int, Validated], metric: str = "accuracy") -> Curse | None:
    """Over the members that could be trained again; None where there are none, or nobody has measured it."""
    gaps = []
    for m in front.members:
        then, now = m.measured(metric), found[m.number].measured(metric) if m.number in found else None
        if then and now:
            gaps.append((then.value - now.value, math.hypot(then.spread or 0.0, now.spread or 0.0)))
    if not gaps:
        return None
    values = [gap for gap, _ in gaps]
    spread = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else gaps[0][1]
    return Curse(statistics.fmean(values), spread or None, len(values))


def _by_seed(trials: Iterable[Trial]) -> list[Trial]:
    """What could be trained, each seed once."""
    return sorted({t.seed: t for t in trials if t.state == "complete"}.values(), key=lambda t: t.seed)


def _as_drawn(trial: Trial) -> Trial:
    """An estimator is off by the same for every seed and every member: its error is nobody's luck."""
    told = tuple(m.model_copy(update={"spread": None}) if m.how == "estimated" else m for m in trial.measurements)
    return trial.model_copy(update={"measurements": told})


def _lost(tried: Sequence[Trial], done: Sequence[Trial]) -> str:
    """Of the seeds that are over, those that came to nothing."""
    lost = {t.seed: t for t in tried if t.seed not in {d.seed for d in done}}
    codes = ", ".join(sorted({t.code or t.state for t in lost.values()}))
    return f"{len(lost)} of {len(lost) + len(done)} seeds failed ({codes})" if lost else ""


# --- judging ---------------------------------------------------------------------------------------------------------


def _judged(
    number: int,
    means: Mapping[int, Trial],
    fitting: Mapping[int, Trial],
    objectives: Sequence[Objective],
    limits: Sequence[Limit],
) -> tuple[Verdict, str]:
    """The worst that can be said of a member, and what says it."""
    own = means[number]
    if clearly := _broken(own, limits, NOISE):
        return "broke a limit", _breaks(own, clearly)
    leads = {n: lead for n, t in fitting.items() if (lead := _lead(t, own, objectives)) is not None}
    first = max(leads, key=lambda n: (leads[n], -n), default=None)
    if first is not None and leads[first] > NOISE:
        return "fell off", _beaten(first, means[first], own, objectives)
    if first is not None:
        return "within noise", f"{_beaten(first, means[first], own, objectives)}, not beyond noise"
    if maybe := _broken(own, limits):
        return "within noise", f"{_breaks(own, maybe)}, not beyond noise"
    return "holds", ""


def _lead(ahead: Trial, behind: Trial, objectives: Sequence[Objective]) -> float | None:
    """By how many standard errors one beats the other where its lead is shortest; None if it does not beat it.

    Where neither can be off there is nothing to catch up by luck.
    """
    gaps = []
    for o in objectives:
        x, y = ahead.measured(o.metric), behind.measured(o.metric)
        if x is None or y is None:
            return None
        same = math.isclose(x.value, y.value, rel_tol=1e-9)
        gaps.append((0.0 if same else o.signed(y.value) - o.signed(x.value), math.hypot(x.spread or 0, y.spread or 0)))
    if min(gap for gap, _ in gaps) < 0 or not any(gap for gap, _ in gaps):
        return None
    return min((gap / noise for gap, noise in gaps if noise), default=math.inf)


def _broken(trial: Trial, limits: Iterable[Limit], errors: float = 0.0) -> list[Limit]:
    """Limits that are broken even if the numbers are off by so many standard errors."""
    return [x for x in limits if (m := trial.measured(x.metric)) and x.violation(_hopeful(m, x, errors)) > 0]


def _hopeful(m: Measurement, limit: Limit, errors: float) -> float:
    better = -1 if limit.side == "max" else 1
    return max(m.value + better * errors * (m.spread or 0.0), 0.0)


def _breaks(trial: Trial, limits: Iterable[Limit]) -> str:
    return "; ".join(f"{known(x.metric).title} {_shown(trial, x.metric)} breaks {x}" for x in limits)


def _beaten(by: int, first: Trial, second: Trial, objectives: Sequence[Objective]) -> str:
    both = [(o.metric, _shown(first, o.metric), _shown(second, o.metric)) for o in objectives]
    return f"trial {by} beats it: {', '.join(f'{known(metric).title} {x} against {y}' for metric, x, y in both)}"


def _shown(trial: Trial, metric: str) -> str:
    m = trial.measured(metric)
    return show(metric, m.value, m.spread) if m else "?"
