"""The loop: ask, gate, do, judge, tell. It yields what happens and keeps nothing that is not stored.

Kill it at any line and run it again: what was asked is in the store, what was promised is finished, the rest goes on.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from optuna.trial import TrialState

from autocompress.errors import StudyError
from autocompress.plugin import make
from autocompress.search.gate import refused
from autocompress.search.lesson import Lesson
from autocompress.search.samplers.base import Sampler
from autocompress.search.schedules.base import Schedule
from autocompress.search.search import Search
from autocompress.study import taught
from autocompress.study.drivers.base import Pool
from autocompress.study.inheritance import not_there_yet
from autocompress.study.purse import Purse
from autocompress.study.retries import LOST
from autocompress.study.rungs import Rungs
from autocompress.study.store import Store, as_trial
from autocompress.study.verdict import copied, judged, settled, work
from autocompress.study.wishes import Wish, known_by_hand, lost_work, other_endings, other_seeds, stopped_too_early
from autocompress.values.counts import Counts, counts
from autocompress.values.craft import Craft
from autocompress.values.front import Front, front, reference, volume
from autocompress.values.job import BASELINE, Done, Event, Gated, Job, Outcome, Progress, Rung
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.recipe import Recipe
from autocompress.values.study import StudySpec
from autocompress.values.trial import Trial

PATIENCE = 0.5  # seconds between looks at the brake
ENDS = {
    "complete": TrialState.COMPLETE,
    "infeasible": TrialState.PRUNED,
    "stopped": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class Brake:
    """How people stop a study: 1 finishes what is running, 2 drops it, to be done again next time."""

    level = 0


@dataclass(frozen=True)
class Happening:
    """Something a person may want to see."""

    kind: Literal["asked", "progress", "baseline", "ended", "waiting"]
    text: str = ""
    trial: Trial | None = None


class Loop:
    """One run of a study, from wherever the last one ended to the end of the budget."""

    def __init__(
        self,
        spec: StudySpec,
        store: Store,
        brake: Brake | None = None,
        craft: Craft | None = None,
        inherited: Iterable[Wish] = (),
    ) -> None:
        self.spec, self.store, self.brake, self._craft = spec, store, brake or Brake(), craft
        self.baseline = _measurements(store.fact("baseline"))
        self.running: dict[int, Recipe] = {}
        self.rungs = Rungs(make(Schedule, spec.schedule))
        self._purse = Purse(spec.budget, self.rungs)
        self._gate_said: dict[int, tuple[Measurement, ...]] = {}
        self._told_to_stop: dict[int, Literal["infeasible", "stopped"]] = {}
        self._relive()
        self._put(not_there_yet(inherited, self.trials))
        self._put(known_by_hand(self.spec, self._craft, self.trials))

    def _relive(self) -> None:
        """Everything this object knows, from what is stored."""
        history = self.store.history()
        sampler = make(Sampler, self.spec.sampler)
        self._search = Search(self.spec.space, self.spec.objectives, sampler, self.spec.seed, history)
        self.trials = {f.number: as_trial(f) for f in history}
        self.rungs.relive({f.number: f.user_attrs for f in history})
        for number, trial in self.trials.items():
            if history[number].state == TrialState.RUNNING and trial.state != "running":
                self._tell(trial)  # promised, then killed
        self._unfinished = [t for t in self.trials.values() if t.state == "running"]
        self._queued = [t.number for t in self.trials.values() if t.state == "waiting"]
        self._first_done = {work(t): t for t in self.trials.values() if settled(t, self.trials.values())}
        self.front = self._front(list(self.trials.values()))
        self._put(lost_work(self.trials, self.store.params))
        for trial in self.complete:
            self._put(other_endings(self.spec, self._craft, trial, self.trials, self.front, self.store.params))

    # --- what people look at while it runs ---

    @property
    def limits(self) -> tuple[Limit, ...]:
        known = by_metric(self.baseline)
        return tuple(limit.resolved(known) for limit in self.spec.limits)

    @property
    def complete(self) -> list[Trial]:
        return [t for t in self.trials.values() if t.state == "complete"]

    @property
    def hypervolume(self) -> float:
        if not self.front.members:
            return 0.0
        return volume(
            self.front, reference(self.spec.objectives, self.limits, self.baseline, list(self.trials.values()))
        )

    @property
    def counts(self) -> Counts:
        return counts(self.trials.values())

    @property
    def paid(self) -> float:
        """What was spent of the budget, in whole trainings."""
        return self._purse.paid(self.trials)

    @property
    def paid_for_done(self) -> float:
        """The same without what is running or waits."""
        return self._purse.paid(self.trials, also_open=False)

    def share(self, elapsed: float) -> float:
        """How much of the budget is gone, after so many seconds of this run."""
        return self._purse.share(self.trials, elapsed)

    # --- the loop ---

    def run(self, pool: Pool) -> Iterator[Happening]:
        """Until the budget is spent and nothing is running, or the brake is pulled."""
        if self.spec.teacher is not None and not self.baseline:
            yield from self._measure_baseline(pool)
        began = pool.clock()
        while self.brake.level < 2:
            while pool.room() and (trial := self._next(pool.clock() - began)):
                self.trials[trial.number] = trial
                if twin := self._first_done.get(work(trial)):
                    yield self._end(copied(trial, twin))
                    continue
                self.running[trial.number] = trial.recipe
                pool.submit(Job(trial.number, trial.recipe, seed=trial.seed, rungs=self._looks(trial)))
                yield Happening("asked", trial.recipe.line, trial)
            if not self.running:
                return
            yield from self._heard(pool, pool.next(PATIENCE))

    def _heard(self, pool: Pool, event: Event | None) -> Iterator[Happening]:
        match event:
            case None:
                yield Happening("waiting")
            case Progress():
                yield Happening("progress", event.text)
            case Gated():
                self._gate_said[event.number] = event.measurements
                broken = refused(event.measurements, self.limits)
                if broken:
                    self._told_to_stop[event.number] = "infeasible"
                pool.answer(event.number, not broken)
            case Rung():
                pool.answer(event.number, self._goes_on(event))
            case Done():
                del self.running[event.number]
                yield self._end(self._judged(event.number, event.outcome))

    def _next(self, elapsed: float) -> Trial | None:
        """What was interrupted first, then what waits in the queue, then something new while the budget lasts."""
        if self.brake.level:
            return None
        if self._unfinished:
            return self._unfinished.pop(0)
        if not self._purse.in_time(self.trials, elapsed):
            return None
        if self._queued:
            return self._asked()
        if self._purse.lasts(self.trials, self.front):
            self._put(stopped_too_early(self.rungs, self.trials, self.store.params))
            return self._asked()
        if not self.running:  # the front is what it will be
            self._put(other_seeds(self.spec, self.front, self.trials.values(), self.store.params))
        return self._asked() if self._queued else None

    def _put(self, wishes: Iterable[Wish]) -> None:
        """In the queue."""
        for wish in wishes:
            frozen = self._search.enqueue(wish.params, wish.notes)
            self.store.add(frozen)
            self.trials[frozen.number] = as_trial(frozen)
            self._queued.append(frozen.number)

    def _asked(self) -> Trial:
        _, frozen = self._search.ask({"seed": self.spec.seed, "fidelity": 1.0})
        if frozen.number in self._queued:
            self._queued.remove(frozen.number)
            self.store.start(frozen)
        else:
            self.store.add(frozen)
        trial = as_trial(frozen)
        if trial.origin == "promoted" and trial.of is not None:
            self.rungs.continues(trial.number, trial.of)
        return trial

    def _goes_on(self, rung: Rung) -> bool:
        """The schedule's word, from what this rung has seen so far: accuracy now, costs as the gate knows them.

        Its first word on each: weights can be counted of everybody, files are looked at of some, and take more.
        """
        known = by_metric(self._gate_said.get(rung.number, ())[::-1] + rung.measurements)
        costs = taught.costs(known, self.spec.objectives, self.limits)
        macs = math.log(max(known["macs"].value, 1.0)) if "macs" in known else None
        keep, notes = self.rungs.judged(rung.number, rung.at, (*costs, macs))
        for name, note in notes.items():
            self.store.note(rung.number, name, note)
        if not keep:
            self._told_to_stop[rung.number] = "stopped"
        return keep

    def _looks(self, trial: Trial) -> tuple[float, ...]:
        """The rungs a trial has before it. Baselines by hand and other seeds are trained to their end."""
        whole = trial.origin in ("first", "inherited", "replica")
        return () if whole else tuple(at for at in self.rungs.shares if at > self.rungs.begun(trial.number))

    # --- how trials end ---

    def _judged(self, number: int, outcome: Outcome) -> Trial:
        stopped_as = self._told_to_stop.pop(number, "stopped") if outcome.state == "stopped" else "stopped"
        return judged(self.trials[number], outcome, stopped_as, self.limits, self.spec.objectives)

    def _end(self, trial: Trial) -> Happening:
        """Promise, tell, remember."""
        self._gate_said.pop(trial.number, None)
        self.store.promise(trial)
        self._tell(trial)
        self.trials[trial.number] = trial
        if settled(trial, self.trials.values()):
            self._first_done.setdefault(work(trial), trial)
        if trial.state == "complete":
            again = trial.origin == "replica"  # its recipe may leave the front, and others come back
            self.front = self._front(list(self.trials.values()) if again else [*self.front.members, trial])
            self._put(other_endings(self.spec, self._craft, trial, self.trials, self.front, self.store.params))
        if trial.code in LOST:
            self._put(lost_work(self.trials, self.store.params))
        return Happening("ended", trial=trial)

    def _tell(self, trial: Trial) -> None:
        values = taught.values(trial, self.spec.objectives, self.limits)
        constraints = taught.constraints(trial, self.spec.limits)
        self.store.finish(self._search.tell(trial.number, ENDS[trial.state], values, constraints, self._lesson(trial)))

    def _lesson(self, trial: Trial) -> Lesson:
        whole = next((t.measurements for t in self.complete), self.baseline)
        known = taught.surely_known(trial, (*whole, *self.baseline))
        costs = taught.costs(known, self.spec.objectives, self.limits)
        return Lesson(costs, self.rungs.of(trial.number), trial.state == "failed")

    def _front(self, trials: list[Trial]) -> Front:
        if any(limit.below_baseline is not None for limit in self.spec.limits) and not self.baseline:
            return Front((), self.spec.objectives)
        return front(trials, self.spec.objectives, self.limits, self.baseline)

    def _measure_baseline(self, pool: Pool) -> Iterator[Happening]:
        """The teacher's own file: what everything is compared with, and what relative limits refer to."""
        pool.submit(Job(BASELINE, Recipe.of(self.spec.teacher), seed=self.spec.seed))
        while self.brake.level < 2:
            event = pool.next(PATIENCE)
            match event:
                case None:
                    yield Happening("waiting")
                case Progress():
                    yield Happening("progress", event.text)
                case Gated() | Rung():
                    pool.answer(event.number, True)
                case Done(outcome=outcome):
                    if outcome.state != "complete":
                        raise StudyError(f"the teacher could not be made: [{outcome.code}] {outcome.message}")
                    self.baseline = outcome.measurements
                    self.store.set_fact("baseline_artifacts", outcome.artifacts)
                    self.store.set_fact("baseline", [m.model_dump(mode="json") for m in self.baseline])
                    yield Happening("baseline")
                    return


def _measurements(stored: list[dict[str, object]] | None) -> tuple[Measurement, ...]:
    return tuple(Measurement.model_validate(m) for m in stored or ())
