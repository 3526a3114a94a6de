"""When nothing fits the limits: which candidate came closest, and which limit stood in its way."""

import math
from collections import Counter
from dataclasses import dataclass

from autocompress.reports.view import StudyView
from autocompress.values.limit import Limit
from autocompress.values.metric import known, show
from autocompress.values.trial import Trial


@dataclass(frozen=True)
class Miss:
    """A trial that breaks a limit. `limit` is the one it breaks worst."""

    trial: Trial
    limit: Limit
    value: float

    @property
    def gap(self) -> str:
        """`17 % over`, `1.8 points short`."""
        return gap(self.limit, self.value)

    def __str__(self) -> str:
        metric, number = self.limit.metric, self.trial.number
        bound, value = show(metric, self.limit.bound or 0.0), show(metric, self.value)
        of = "" if self.limit.side == "max" else " of"
        text = f"the closest is trial {number}: {known(metric).title} {value}, {self.gap}{of} the limit of {bound}"
        others = [m for m in self.trial.broken if m != metric]
        if others:
            return f"{text}; it also breaks {', '.join(others)}"
        then = "would admit it" if self.trial.state == "complete" else "would let it be trained"
        return f"{text}; loosening that limit to {value} {then}"


def gap(limit: Limit, value: float) -> str:
    """How far beyond (or within) a limit, in points for fractions and in percent of the limit for everything else."""
    assert limit.bound is not None
    beyond = value > limit.bound if limit.side == "max" else value < limit.bound
    word = ("over" if limit.side == "max" else "short") if beyond else ("under" if limit.side == "max" else "above")
    distance = abs(value - limit.bound)
    if known(limit.metric).unit == "fraction":
        return f"{_short(100 * distance)} points {word}"
    return f"{_short(100 * distance / limit.bound)} % {word}"


def _short(amount: float) -> str:
    return f"{amount:.0f}" if amount >= 10 else f"{amount:.1f}" if amount >= 0.1 else f"{amount:.2g}"


def closest_miss(view: StudyView) -> Miss | None:
    """The trial whose worst broken limit is broken least; trained ones first where that is equal."""
    limits = {x.metric: x for x in view.front.limits if x.hard and x.bound is not None}
    misses = []
    for trial in view.trials:
        worst = next((m for m in trial.broken if m in limits), None)
        if worst is not None and trial.state in ("complete", "infeasible"):
            misses.append((trial.broken[worst], trial.state != "complete", trial.number, trial, limits[worst]))
    if not misses:
        return None
    amount, _, _, trial, limit = min(misses, key=lambda miss: miss[:3])
    found = trial.measured(limit.metric)
    assert limit.bound is not None
    implied = limit.bound * math.exp(amount if limit.side == "max" else -amount)
    return Miss(trial, limit, found.value if found else implied)


def tightest(view: StudyView) -> tuple[str, int, int] | None:
    """The limit broken most often: its metric, how many candidates break it, of how many that were judged by it."""
    judged = [t for t in view.trials if t.state in ("complete", "infeasible")]
    broken = Counter(metric for t in judged for metric in t.broken)
    if not broken:
        return None
    metric, count = min(broken.items(), key=lambda kv: (-kv[1], kv[0]))
    return metric, count, sum(metric in t.violations for t in judged)
