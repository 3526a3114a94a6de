"""What has been spent, and whether the budget lasts for another candidate."""

from collections.abc import Iterable, Mapping

from optuna.trial import FrozenTrial

from autocompress.plugin import make
from autocompress.search.schedules.base import Schedule
from autocompress.study.rungs import Rungs
from autocompress.study.store import as_trial
from autocompress.values.front import Front, front, reference, volume
from autocompress.values.study import Budget, StudySpec
from autocompress.values.trial import Trial

FREE = ("variant", "replica")  # capped by numbers of their own
EXHAUSTED = 50  # recipes in a row that had been tried before: the space holds nothing new


class Purse:
    """Counts from the trials themselves, so it is right after any interruption."""

    def __init__(self, budget: Budget, rungs: Rungs) -> None:
        self._budget, self._rungs = budget, rungs

    def paid(self, trials: Iterable[Trial]) -> float:
        """In whole trainings."""
        return sum(map(self._price, trials))

    def in_time(self, trials: Iterable[Trial], elapsed: float) -> bool:
        """Whether clocks allow to begin anything."""
        wall, device = self._budget.seconds, self._budget.device_seconds
        return (wall is None or elapsed < wall) and (device is None or sum(t.seconds for t in trials) < device)

    def lasts(self, trials: Mapping[int, Trial], so_far: Front) -> bool:
        """Whether to ask for something new, as far as no clock decides."""
        budget, every = self._budget, trials.values()
        if budget.trials is not None and (self.paid(every) >= budget.trials or len(trials) >= budget.most_asked):
            return False
        return not (_exhausted(trials) or (budget.gain is not None and self._stale(trials, so_far)))

    def share(self, trials: Iterable[Trial], elapsed: float) -> float:
        """How much of the budget is gone, by whatever will end it first."""
        budget, every = self._budget, list(trials)
        ended = [t for t in every if t.state not in ("running", "waiting")]
        gone = [0.0]
        if budget.trials is not None:
            gone.append(self.paid(ended) / budget.trials if budget.trials else len(ended) / max(1, len(every)))
        gone += [] if budget.seconds is None else [elapsed / budget.seconds]
        gone += [] if budget.device_seconds is None else [sum(t.seconds for t in every) / budget.device_seconds]
        return min(1.0, max(gone))

    def _price(self, t: Trial) -> float:
        if t.origin == "inherited" and t.cached == t.stages:  # that training was paid for elsewhere
            return 0.0
        if t.retry_of is not None or t.origin in FREE or t.state == "infeasible" or t.same_as is not None:
            return 0.0
        share = self._rungs.share(t.number) if t.state == "stopped" else 1.0
        return share - self._rungs.begun(t.number)

    def _stale(self, trials: Mapping[int, Trial], so_far: Front) -> bool:
        """Whether the last trainings brought too little."""
        gain = self._budget.gain
        assert gain is not None
        whole = [t.number for t in trials.values() if t.state == "complete" and self._price(t) > 0]
        if len(whole) < 2 * gain.over:
            return False
        since = sorted(whole)[-gain.over]
        before = [t for t in trials.values() if t.number < since]
        point = reference(so_far.objectives, so_far.limits, so_far.baseline, list(trials.values()))
        now = volume(so_far, point)
        then = volume(front(before, so_far.objectives, so_far.limits, so_far.baseline), point)
        return now > 0 and now - then < gain.least * now


def paid(spec: StudySpec, history: Iterable[FrozenTrial]) -> float:
    """Of a study that was stored, what has ended."""
    every = list(history)
    rungs = Rungs(make(Schedule, spec.schedule))
    rungs.relive({f.number: f.user_attrs for f in every})
    ended = [t for t in map(as_trial, every) if t.state not in ("running", "waiting")]
    return Purse(spec.budget, rungs).paid(ended)


def _exhausted(trials: Mapping[int, Trial]) -> bool:
    last = sorted(trials)[-EXHAUSTED:]
    return len(last) == EXHAUSTED and all(trials[n].same_as is not None for n in last)
