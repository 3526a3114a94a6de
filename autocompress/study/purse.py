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
OPEN = ("running", "waiting")
EXHAUSTED = 50  # recipes in a row that had been tried before: the space holds nothing new

Trials = Mapping[int, Trial]  # all of a study, by their numbers from 0


class Purse:
    """Counts from the trials themselves, so it is right after any interruption. What has ended is counted once."""

    def __init__(self, budget: Budget, rungs: Rungs) -> None:
        self._budget, self._rungs = budget, rungs
        self._counted, self._price_of_these, self._seconds_of_these = 0, 0.0, 0.0  # trials up to a number

    def paid(self, trials: Trials, *, also_open: bool = True) -> float:
        """In whole trainings. What is running or waits is paid for already, unless somebody wants to know without."""
        rest = self._not_counted(trials)
        return self._price_of_these + sum(self._price(t) for t in rest if also_open or t.state not in OPEN)

    def in_time(self, trials: Trials, elapsed: float) -> bool:
        """Whether clocks allow to begin anything."""
        wall, device = self._budget.seconds, self._budget.device_seconds
        return (wall is None or elapsed < wall) and (device is None or self._seconds(trials) < device)

    def lasts(self, trials: Trials, so_far: Front) -> bool:
        """Whether to ask for something new, as far as no clock decides."""
        budget = self._budget
        if budget.trials is not None and (self.paid(trials) >= budget.trials or len(trials) >= budget.most_asked):
            return False
        return not (_exhausted(trials) or (budget.gain is not None and self._stale(trials, so_far)))

    def share(self, trials: Trials, elapsed: float) -> float:
        """How much of the budget is gone, by whatever will end it first."""
        budget, gone = self._budget, [0.0]
        if budget.trials:
            gone.append(self.paid(trials, also_open=False) / budget.trials)
        elif budget.trials is not None:
            gone.append(sum(t.state not in OPEN for t in trials.values()) / max(1, len(trials)))
        gone += [] if budget.seconds is None else [elapsed / budget.seconds]
        gone += [] if budget.device_seconds is None else [self._seconds(trials) / budget.device_seconds]
        return min(1.0, max(gone))

    def _seconds(self, trials: Trials) -> float:
        rest = self._not_counted(trials)
        return self._seconds_of_these + sum(t.seconds for t in rest)

    def _not_counted(self, trials: Trials) -> list[Trial]:
        """The last few, from the first that has not ended."""
        while self._counted < len(trials) and (t := trials[self._counted]).state not in OPEN:
            self._price_of_these += self._price(t)
            self._seconds_of_these += t.seconds
            self._counted += 1
        return [trials[number] for number in range(self._counted, len(trials))]

    def _price(self, t: Trial) -> float:
        if t.origin == "inherited" and t.cached == t.stages:  # that training was paid for elsewhere
            return 0.0
        if t.retry_of is not None or t.origin in FREE or t.state == "infeasible" or t.same_as is not None:
            return 0.0
        share = self._rungs.share(t.number) if t.state == "stopped" else 1.0
        return share - self._rungs.begun(t.number)

    def _stale(self, trials: Trials, so_far: Front) -> bool:
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
    trials = {f.number: as_trial(f) for f in every}
    return Purse(spec.budget, rungs).paid(trials, also_open=False)


def _exhausted(trials: Trials) -> bool:
    last = range(len(trials) - EXHAUSTED, len(trials))
    return last.start >= 0 and all(trials[number].same_as is not None for number in last)
