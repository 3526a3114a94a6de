"""Every driver: each job comes back once, whatever becomes of its worker, and nothing stays behind."""

import multiprocessing
import os
import time

import pytest
import workers
from fakes import Pretend, spec
from worlds import lived

from autocompress.plugin import make, names
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful
from autocompress.values.job import Done, Gated, Job, Rung
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget

DRIVERS = sorted(names(Driver).keys() - {"ray_tune"})  # to start a Ray takes long: tests/test_ray_tune.py, all in one
every = pytest.mark.parametrize("name", DRIVERS)


def driver(name, **settings):
    return make(Driver, {"use": name, **({"workers": 2} if name != "serial" else {}), **settings})


def job(number, rungs=(), **student):
    return Job(number, Recipe.of({"student": {"use": "cnn", "width": 16, **student}, "stages": []}), rungs=rungs)


def all_of(pool, jobs, go_on=True):
    """Submit as there is room, answer what asks, until all are done."""
    waiting, done, asked = list(jobs), {}, []
    deadline = time.monotonic() + 120
    while len(done) < len(jobs):
        assert time.monotonic() < deadline
        while waiting and pool.room():
            pool.submit(waiting.pop(0))
        event = pool.next(0.2)
        if isinstance(event, Gated | Rung):
            asked.append(event)
            pool.answer(event.number, go_on)
        if isinstance(event, Done):
            assert event.number not in done
            done[event.number] = event.outcome
    assert pool.next(0.01) is None
    return done, asked


@every
def test_every_job_comes_back_once(name):
    with driver(name).start(Careful(Pretend())) as pool:
        done, asked = all_of(pool, [job(i) for i in range(7)])
    assert {o.state for o in done.values()} == {"complete"}
    assert sorted(e.number for e in asked) == list(range(7))


@every
def test_rungs_are_asked_in_order(name):
    with driver(name).start(Careful(Pretend())) as pool:
        _, asked = all_of(pool, [job(0, rungs=(0.25, 0.5))])
    assert [getattr(e, "at", None) for e in asked] == [None, 0.25, 0.5]


@every
def test_told_to_stop_it_stops(name):
    with driver(name).start(Careful(Pretend())) as pool:
        done, _ = all_of(pool, [job(i) for i in range(3)], go_on=False)
    assert {o.state for o in done.values()} == {"stopped"}


@every
def test_what_a_job_raises_is_its_outcome(name):
    with driver(name).start(Careful(Pretend())) as pool:
        done, _ = all_of(pool, [job(0, width=28), job(1)])
    assert (done[0].state, done[0].code) == ("failed", "nan_loss")
    assert done[1].state == "complete"


@every
def test_closing_early_leaves_no_process(name):
    with driver(name).start(Careful(Pretend())) as pool:
        pool.submit(job(0))
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("way", "code", "text"),
    [
        ("kill", "worker_died", "its worker was killed by SIGKILL (out of memory, or by hand)"),
        ("exit", "worker_died", "its worker ended with exit code 7\nlast words"),
        ("hang", "timeout", "it took more than 3 s"),
    ],
)
def test_a_dead_worker_costs_one_trial(way, code, text):
    with driver("local", timeout=3).start(Careful(workers.Dies(way))) as pool:
        done, _ = all_of(pool, [job(0), job(1, width=20), job(2, width=20)])
    assert (done[0].state, done[0].code, done[0].message) == ("failed", code, text)
    assert done[1].state == done[2].state == "complete"


def test_workers_share_the_machine():
    with driver("local").start(Careful(workers.Threads())) as pool:
        done, _ = all_of(pool, [job(0)])
    told = {m.metric: m.value for m in done[0].measurements}
    assert told["threads"] == max(1, len(os.sched_getaffinity(0)) // 2)


def test_work_of_a_worker_that_died_is_tried_again_twice(tmp_path):
    """Three deaths of the same recipe: one trial and two retries; then it is left alone, and the study goes on."""
    study = spec(
        space={"student": {"use": "cnn", "width": {"int": [16, 17]}}, "stages": []},
        driver={"use": "local", "workers": 2},
        budget=Budget(trials=6),
        limits=(),
    )
    loop, store = lived(study, tmp_path, work=workers.Dies("exit"))
    trials = store.trials()
    done = [t for t in trials if t.same_as is None]
    first = [t for t in done if t.code == "worker_died" and t.retry_of is None]
    again = [t for t in trials if t.retry_of is not None]
    assert 1 <= len(first) <= 2, "two workers may have begun it at once"
    assert len(again) == 2 * len(first)
    assert {t.recipe for t in again} == {t.recipe for t in first}
    assert 3 <= sum(t.code == "worker_died" for t in done) <= 4, "after the third death it is the work's own"
    assert {t.state for t in done if t.code is None} == {"complete"}
    assert loop.paid == sum(t.retry_of is None for t in done)
