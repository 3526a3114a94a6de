"""The loop: ask, gate, do, judge, tell. It yields what happens and keeps nothing that is not stored.

Kill it at any line and run it again: what was asked is in the store, what was promised is finished, the rest goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from optuna.trial import TrialState

from autocompress.errors import StudyError
from autocompress.plugin import make
from autocompress.search.gate import refused
from autocompress.search.samplers.base import Sampler
from autocompress.search.schedules.base import Costs, Schedule
from autocompress.search.search import Search
from autocompress.study.drivers.base import Pool
from autocompress.study.retries import lost
from autocompress.study.store import Store, as_trial
from autocompress.values.counts import Counts, counts
from autocompress.values.front import Front, front, reference, volume
from autocompress.values.job import BASELINE, Done, Event, Gated, Job, Outcome, Progress, Rung
from autocompress.values.limit import Limit, violations
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

    def __init__(self, spec: StudySpec, store: Store, brake: Brake | None = None) -> None:
        self.spec, self.store, self.brake = spec, store, brake or Brake()
        self.baseline = _measurements(store.fact("baseline"))
        self.running: dict[int, Recipe] = {}
        self._schedule = make(Schedule, spec.schedule)
        self._rungs: dict[float, dict[int, Costs]] = {}
        self._gate_said: dict[int, tuple[Measurement, ...]] = {}
        self._told_to_stop: dict[int, Literal["infeasible", "stopped"]] = {}
        self._relive()

    def _relive(self) -> None:
        """Everything this object knows, from what is stored."""
        history = self.store.history()
        sampler = make(Sampler, self.spec.sampler)
        self._search = Search(self.spec.space, self.spec.objectives, sampler, self.spec.seed, history)
        self.trials = {f.number: as_trial(f) for f in history}
        for frozen in history:
            for note, costs in frozen.user_attrs.items():
                if note.startswith("rung:"):
                    self._rungs.setdefault(float(note[5:]), {})[frozen.number] = tuple(costs)
        for number, trial in self.trials.items():
            if history[number].state == TrialState.RUNNING and trial.state != "running":
                self._tell(trial)  # promised, then killed
        self._unfinished = [t for t in self.trials.values() if t.state == "running"]
        self._queued = [t.number for t in self.trials.values() if t.state == "waiting"]
        self._retry_the_lost()
        self._first_done = {t.recipe.key: t for t in self.trials.values() if t.state == "complete"}
        self.front = self._front(list(self.trials.values()))

    # --- what people look at while it runs ---

    @property
    def limits(self) -> tuple[Limit, ...]:
        known = by_metric(self.baseline)
        return tuple(limit.resolved(known) for limit in self.spec.limits)

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
    def paid(self) -> int:
        """Trials that count towards the budget: a refusal at the gate and a second try after a crash do not."""
        return sum(t.retry_of is None and t.state != "infeasible" for t in self.trials.values())

    # --- the loop ---

    def run(self, pool: Pool) -> Iterator[Happening]:
        """Until the budget is spent and nothing is running, or the brake is pulled."""
        if self.spec.teacher is not None and not self.baseline:
            yield from self._measure_baseline(pool)
        began = pool.clock()
        while self.brake.level < 2:
            while pool.room() and (trial := self._next(pool.clock() - began)):
                self.trials[trial.number] = trial
                if twin := self._first_done.get(trial.recipe.key):
                    yield self._end(_copied(trial, twin))
                    continue
                self.running[trial.number] = trial.recipe
                pool.submit(Job(trial.number, trial.recipe, seed=trial.seed, rungs=self._schedule.rungs()))
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
        if not (self._queued or self._budget_lasts(elapsed)):
            return None
        recipe, frozen = self._search.ask({"seed": self.spec.seed, "fidelity": 1.0})
        if frozen.number in self._queued:
            self._queued.remove(frozen.number)
            self.store.start(frozen)
        else:
            self.store.add(frozen)
        retry_of = frozen.user_attrs.get("retry_of")
        return Trial(number=frozen.number, recipe=recipe, state="running", seed=self.spec.seed, retry_of=retry_of)

    def _budget_lasts(self, elapsed: float) -> bool:
        budget = self.spec.budget
        in_time = budget.seconds is None or elapsed < budget.seconds
        return in_time and self.paid < budget.trials and len(self.trials) < budget.most_asked

    def _goes_on(self, rung: Rung) -> bool:
        """The schedule's word, from what this rung has seen so far: accuracy now, costs as the gate knows them."""
        known = by_metric(self._gate_said.get(rung.number, ()) + rung.measurements)
        costs = tuple(o.cost(known[o.metric].value) if o.metric in known else 0.0 for o in self.spec.objectives)
        seen = self._rungs.setdefault(rung.at, {})
        seen[rung.number] = costs
        self.store.note(rung.number, f"rung:{rung.at:g}", list(costs))
        keep = self._schedule.keep(rung.number, seen)
        if not keep:
            self._told_to_stop[rung.number] = "stopped"
        return keep

    # --- how trials end ---

    def _judged(self, number: int, outcome: Outcome) -> Trial:
        """What an outcome means for the study."""
        state = self._told_to_stop.pop(number, "stopped") if outcome.state == "stopped" else outcome.state
        known = by_metric(outcome.measurements)
        hard = tuple(x for x in self.limits if x.hard)
        wanted = {*(o.metric for o in self.spec.objectives), *(x.metric for x in hard)}
        code, message = outcome.code, outcome.message
        if state == "complete" and (missing := sorted(wanted - set(known))):
            state, code = "failed", "bad_measurement"
            message = f"no measurement of {', '.join(missing)}"
        return self.trials[number].model_copy(
            update={
                "state": state,
                "measurements": outcome.measurements,
                "violations": violations(known, hard),
                "artifacts": outcome.artifacts,
                "seconds": outcome.seconds,
                "stages": outcome.stages,
                "cached": outcome.cached,
                "code": code,
                "message": message,
            }
        )

    def _end(self, trial: Trial) -> Happening:
        """Promise, tell, remember."""
        self._gate_said.pop(trial.number, None)
        self.store.promise(trial)
        self._tell(trial)
        self.trials[trial.number] = trial
        if trial.state == "complete":
            self._first_done.setdefault(trial.recipe.key, trial)
            self.front = self._front([*self.front.members, trial])
        if trial.code == "worker_died":
            self._retry_the_lost()
        return Happening("ended", trial=trial)

    def _tell(self, trial: Trial) -> None:
        values = None
        if trial.state == "complete":
            values = [o.seen(trial.value(o.metric)) for o in self.spec.objectives]
        constraints: dict[str, float] = {}
        if trial.state != "failed":  # a limit nobody measured yet is on its bound: neither kept nor broken
            constraints = {x.metric: trial.violations.get(x.metric, 0.0) for x in self.spec.limits if x.hard}
        self.store.finish(self._search.tell(trial.number, ENDS[trial.state], values, constraints))

    def _retry_the_lost(self) -> None:
        for first in lost(self.trials.values()):
            params = self.store.params(first)
            frozen = self._search.enqueue(params, {"retry_of": first})
            self.store.add(frozen)
            self.trials[frozen.number] = as_trial(frozen)
            self._queued.append(frozen.number)

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


def _copied(trial: Trial, twin: Trial) -> Trial:
    """The same recipe with the same seed is the same model: its numbers are taken over, nothing is done again."""
    kept = twin.model_dump(include={"violations", "artifacts", "stages"})
    told = {"state": "complete", "measurements": twin.measurements, "cached": twin.stages, "seconds": 0.0}
    return trial.model_copy(update={**kept, **told, "message": f"same recipe as trial {twin.number}"})


def _measurements(stored: list[dict[str, object]] | None) -> tuple[Measurement, ...]:
    return tuple(Measurement.model_validate(m) for m in stored or ())
