"""The loop: states, constraints, budgets, duplicates, rungs, what Optuna's own tools see."""

import math

import optuna
import pytest
from fakes import LIMITS, OBJECTIVES, Pretend, numbers, spec
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState
from worlds import lived

from autocompress.errors import StudyError
from autocompress.plugin import make
from autocompress.search.schedules.base import Schedule
from autocompress.study.core import Brake, Loop
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful, FunctionWork
from autocompress.study.purse import EXHAUSTED
from autocompress.study.store import Store
from autocompress.values.front import front
from autocompress.values.job import BASELINE, Done, Outcome
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.study import Budget


def test_each_end_is_told_to_optuna_as_what_it_is(tmp_path):
    loop, store = lived(spec(budget=Budget(trials=60)), tmp_path)
    stored = {f.number: f for f in store.history()}
    seen = set()
    for trial in loop.trials.values():
        frozen = stored[trial.number]
        seen.add(trial.state)
        match trial.state:
            case "complete":
                assert frozen.state == TrialState.COMPLETE
                accuracy, latency, size = numbers(trial.recipe.tree)
                assert frozen.values == pytest.approx([accuracy, math.log(latency), math.log(size)])
                assert set(frozen.constraints) == {x.metric for x in LIMITS}
                assert trial.feasible == all(v <= 0 for v in frozen.constraints.values())
            case "infeasible":
                assert frozen.state == TrialState.PRUNED
                assert frozen.values is None
                assert set(frozen.constraints) == {x.metric for x in LIMITS}
                assert frozen.constraints["size"] == pytest.approx(math.log(trial.value("size") / 60_000))
            case "failed":
                assert frozen.state == TrialState.FAIL
                assert trial.code == "nan_loss"
    assert seen == {"complete", "infeasible", "failed"}


def test_optuna_reads_our_study(tmp_path):
    _, store = lived(spec(budget=Budget(trials=40)), tmp_path)
    study = optuna.load_study(study_name="pretend", storage=store.url)
    assert study.metric_names == ["accuracy", "log latency_p50", "log size"]
    ours = {t.number for t in front(store.trials(), OBJECTIVES).members}
    theirs = {t.number for t in study.best_trials}
    assert ours <= theirs  # Optuna keeps equal points, we keep the first of equal recipes
    assert {study.trials[n].user_attrs["recipe"] for n in theirs} == {
        study.trials[n].user_attrs["recipe"] for n in ours
    }


def test_what_the_gate_refuses_is_free(tmp_path):
    tight = (Limit(metric="size", side="max", bound=4000),)
    loop, _ = lived(spec(limits=tight, budget=Budget(trials=10)), tmp_path)
    assert loop.counts.refused > 0
    assert loop.paid == 10
    assert len(loop.trials) == 10 + loop.counts.refused
    assert loop.counts.refused_by == {"size": loop.counts.refused}


def test_asking_ends_where_everything_is_refused(tmp_path):
    hopeless = (Limit(metric="size", side="max", bound=1),)
    loop, _ = lived(spec(limits=hopeless, budget=Budget(trials=3)), tmp_path)
    assert len(loop.trials) == Budget(trials=3).most_asked == loop.counts.refused


def test_soft_limits_refuse_nobody(tmp_path):
    soft = (Limit(metric="size", side="max", bound=1, hard=False),)
    loop, store = lived(spec(limits=soft, budget=Budget(trials=5)), tmp_path)
    assert loop.counts.refused == 0
    assert all(f.constraints == {} for f in store.history())


def test_a_budget_of_time_ends_the_asking(tmp_path):
    loop, _ = lived(spec(budget=Budget(trials=1000, seconds=60)), tmp_path)
    assert 3 <= loop.paid < 40
    assert all(t.state != "running" for t in loop.trials.values())


def test_the_same_recipe_is_not_done_twice(tmp_path):
    few = {"student": {"use": "cnn", "width": {"choice": [8, 12, 16]}}, "stages": []}
    done = []

    def work(job):
        done.append(job.recipe)
        yield from Pretend()(job)

    loop, store = lived(spec(space=few, budget=Budget(trials=12)), tmp_path, work=work)
    assert len(done) <= 3 + 3  # three recipes; three workers may have begun the same one at once
    copies = [t for t in store.trials() if t.same_as is not None]
    assert EXHAUSTED <= len(copies) <= EXHAUSTED + 3, "nothing new is left, so asking ends"
    assert loop.paid == len(done), "what was there already is free"
    assert all(t.seconds == 0 and t.cached == t.stages for t in copies)
    assert len(loop.front) <= 3


def test_a_missing_or_infinite_number_is_a_failed_trial(tmp_path):
    space = {"x": {"int": [1, 9]}}
    aims = (Objective(metric="accuracy", direction="maximize"), Objective(metric="size", direction="minimize"))

    def some(recipe, fidelity):
        return {"accuracy": 0.5} if recipe.tree["x"] % 2 else {"accuracy": math.inf, "size": 3}

    study = spec(space=space, objectives=aims, limits=(), driver={"use": "serial"}, budget=Budget(trials=8))
    loop, _ = lived(study, tmp_path, work=FunctionWork(some))
    assert sum(t.state == "failed" and t.same_as is None for t in loop.trials.values()) == 8
    assert {t.message for t in loop.trials.values()} == {"no measurement of size", "accuracy is inf"}
    assert set(loop.counts.failed_by) == {"bad_measurement"}


class Half(Schedule):
    """A schedule for this test: at half of the training, go on only if not worst."""

    def rungs(self):
        return (0.5,)

    def keep(self, number, seen):
        return len(seen) < 3 or seen[number][0] < max(costs[0] for costs in seen.values())


def test_rungs_stop_trials_and_survive_an_interruption(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "autocompress.study.core.make", lambda base, plug: Half() if base is Schedule else make(base, plug)
    )
    loop, store = lived(spec(budget=Budget(trials=30)), tmp_path, stops=[25, 30])
    assert loop.counts.stopped > 0
    for trial in store.trials():
        if trial.state == "stopped":
            assert store.history()[trial.number].state == TrialState.PRUNED
    rungs = {f.number: f.user_attrs["rung:0.5"] for f in store.history() if "rung:0.5" in f.user_attrs}
    assert loop.rungs.seen[0.5] == {n: tuple(note["costs"]) for n, note in rungs.items()}
    assert {t.number for t in loop.trials.values() if t.state in ("complete", "stopped")} <= set(rungs)


def test_the_first_pull_of_the_brake_finishes_what_runs(tmp_path):
    study = spec(driver={"use": "simulated", "workers": 3}, budget=Budget(trials=50))
    store = Store.create(f"sqlite:///{tmp_path}/study.db", "pretend", OBJECTIVES)
    brake = Brake()
    loop = Loop(study, store, brake)
    with make(Driver, study.driver).start(Careful(Pretend())) as pool:
        for happening in loop.run(pool):
            if happening.kind == "ended" and loop.counts.ended == 7:
                brake.level = 1
    assert not loop.running
    assert all(t.state != "running" for t in store.trials())
    assert 7 <= loop.counts.ended <= 9


def test_the_second_pull_drops_it_and_the_next_run_takes_it_up(tmp_path):
    study = spec(driver={"use": "simulated", "workers": 3}, budget=Budget(trials=20))
    url = f"sqlite:///{tmp_path}/study.db"
    store = Store.create(url, "pretend", OBJECTIVES)
    brake = Brake()
    with make(Driver, study.driver).start(Careful(Pretend())) as pool:
        for _ in Loop(study, store, brake).run(pool):
            if sum(t.state == "running" for t in store.trials()) == 3:
                brake.level = 2
    dropped = {t.number: t.recipe for t in store.trials() if t.state == "running"}
    assert len(dropped) == 3
    with make(Driver, study.driver).start(Careful(Pretend())) as pool:
        assert list(Loop(study, store, brake).run(pool)) == [], "nothing begins with the brake pulled"
    store.close()
    loop, _ = lived(study, tmp_path)
    assert {n: loop.trials[n].recipe for n in dropped} == dropped
    assert all(loop.trials[n].state != "running" for n in dropped)
    assert loop.paid == 20


def test_the_baseline_is_made_once_and_relative_limits_follow_it(tmp_path):
    made = []

    def work(job):
        if job.number == BASELINE:
            made.append(job)
            yield Done(BASELINE, Outcome("complete", (Measurement(metric="accuracy", value=0.9, how="measured"),)))
        else:
            yield from Pretend()(job)

    relative = (Limit(metric="accuracy", side="min", below_baseline=0.02),)
    study = spec(limits=relative, teacher={"student": {"use": "resnet"}, "stages": []}, budget=Budget(trials=15))
    loop, store = lived(study, tmp_path, work=work, stops=[10])
    assert len(made) == 1
    assert store.fact("baseline")[0]["value"] == 0.9
    assert loop.limits[0].bound == pytest.approx(0.88)
    assert {t.feasible for t in loop.trials.values() if t.state == "complete" and t.value("accuracy") < 0.88} <= {False}


def test_a_teacher_that_cannot_be_made_ends_the_study(tmp_path):
    def work(job):
        yield Done(job.number, Outcome("failed", code="nan_loss", message="it diverged"))

    study = spec(teacher={"student": {"use": "resnet"}, "stages": []})
    with pytest.raises(StudyError, match=r"the teacher could not be made: \[nan_loss\] it diverged"):
        lived(study, tmp_path, work=work)


interrupted = given(stops=st.lists(st.integers(1, 40), max_size=4), workers=st.integers(1, 4), seed=st.integers(0, 3))


@settings(max_examples=6, deadline=None)
@interrupted
def test_wherever_it_is_interrupted_nothing_is_lost_or_doubled(stops, workers, seed, tmp_path_factory):
    nothing_is_lost_or_doubled(stops, workers, seed, tmp_path_factory)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@interrupted
def test_wherever_and_however_often_it_is_interrupted(stops, workers, seed, tmp_path_factory):
    nothing_is_lost_or_doubled(stops, workers, seed, tmp_path_factory)


def nothing_is_lost_or_doubled(stops, workers, seed, tmp_path_factory):
    study = spec(driver={"use": "simulated", "workers": workers}, budget=Budget(trials=12), seed=seed)
    loop, store = lived(study, tmp_path_factory.mktemp("study"), stops=stops)
    trials = store.trials()
    assert [t.number for t in trials] == list(range(len(trials)))
    assert all(t.state not in ("running", "waiting") for t in trials)
    assert loop.paid == 12
    for t in trials:
        if t.state == "complete":
            assert (t.value("accuracy"), t.value("latency_p50"), t.value("size")) == numbers(t.recipe.tree)


def test_promised_but_not_told_is_told_on_the_next_run(tmp_path):
    """The three writes of an ending, cut off after the first."""
    url = f"sqlite:///{tmp_path}/study.db"
    store = Store.create(url, "pretend", OBJECTIVES)

    class Cut(Exception):
        pass

    def cut(frozen):
        if frozen.number == 4:
            raise Cut
        Store.finish(store, frozen)

    store.finish = cut
    study = spec(budget=Budget(trials=8))
    with make(Driver, study.driver).start(Careful(Pretend())) as pool, pytest.raises(Cut):
        for _ in Loop(study, store).run(pool):
            pass
    promised = store.trials()[4]
    assert promised.state != "running"
    assert store.history()[4].state == TrialState.RUNNING
    store.close()
    done = []

    def work(job):
        done.append(job.number)
        yield from Pretend()(job)

    lived(study, tmp_path, work=work)
    after = Store(url, "pretend")
    assert 4 not in done
    assert after.trials()[4] == promised
    assert after.history()[4].state != TrialState.RUNNING
