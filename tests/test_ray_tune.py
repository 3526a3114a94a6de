"""The driver for clusters: what every driver keeps, and what becomes of the work when workers, nodes, drivers die."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import on_cluster
import on_ray
import pytest
import workers
from contracts import test_drivers as contract
from fakes import Pretend, spec
from optuna.trial import TrialState
from processes import alive, descendants, wait_for
from pydantic import ValidationError

from autocompress.errors import StudyError
from autocompress.plugin import make
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful
from autocompress.study.store import Store
from autocompress.study.study import Study
from autocompress.values.job import Done, Gated, Progress
from autocompress.values.study import Budget

HERE = Path(__file__).parent
STRANGER = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False); print('inside')"
ray = pytest.importorskip("ray", reason="pip install 'autocompress[ray]'")


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def one_node():
    """A Ray for many pools: starting one takes seconds."""
    from autocompress.study.drivers._ray.cluster import joined

    with joined("local", 2):
        yield


def driver(**settings):
    return make(Driver, {"use": "ray_tune", "workers": 2, **settings})


def test_what_every_driver_keeps(one_node):
    contract.test_every_job_comes_back_once("ray_tune")
    contract.test_rungs_are_asked_in_order("ray_tune")
    contract.test_told_to_stop_it_stops("ray_tune")
    contract.test_what_a_job_raises_is_its_outcome("ray_tune")


def test_a_study_goes_from_one_driver_to_another_and_back(one_node, tmp_path):
    for driver, budget in ("serial", 4), ("ray_tune", 10), ("serial", 14):
        Study(spec(driver={"use": driver}, budget=Budget(trials=budget)), tmp_path / "study", work=Pretend()).run()
    assert results(tmp_path / "study") == in_a_pretend_world(14, tmp_path)


def test_a_worker_that_is_killed_in_a_stage(one_node, tmp_path):
    """Its job begins again elsewhere: nothing is asked twice, nothing is lost."""
    with driver().start(Careful(workers.DiesOnce(str(tmp_path)))) as pool:
        done, asked = contract.all_of(pool, [contract.job(i) for i in range(2)])
    assert {o.state for o in done.values()} == {"complete"}
    assert sorted(int(p.name) for p in tmp_path.iterdir()) == [0, 1], "each has killed its worker"
    assert Counter((e.number, getattr(e, "at", None)) for e in asked) == Counter(
        (number, at) for number in range(2) for at in (None, 0.25, 0.5)
    )


@pytest.mark.slow
def test_a_worker_that_dies_whatever_it_does(one_node):
    with driver(max_failures=1).start(Careful(workers.Dies("kill"))) as pool:
        done, _ = contract.all_of(pool, [contract.job(0), contract.job(1, width=20)])
    assert (done[0].state, done[0].code) == ("failed", "worker_died")
    assert "its worker died: The actor died unexpectedly" in done[0].message
    assert done[1].state == "complete"


def test_a_worker_that_dies_between_two_jobs(one_node, tmp_path):
    with driver(workers=1).start(Careful(workers.Slow(str(tmp_path), 0))) as pool:
        contract.all_of(pool, [contract.job(0)])
        [pid] = (int(p.name) for p in tmp_path.iterdir())
        time.sleep(0.5)
        os.kill(pid, signal.SIGKILL)
        done, _ = contract.all_of(pool, [contract.job(i) for i in (1, 2, 3)])
    assert [o.state for o in done.values()] == ["complete"] * 3


@pytest.mark.slow
def test_work_that_a_worker_cannot_load(one_node):
    with driver(max_failures=0).start(Careful(workers.Unloadable())) as pool:
        done, _ = contract.all_of(pool, [contract.job(0)])
    assert done[0].code == "worker_died"
    assert "no such library here" in done[0].message


def test_closing_drops_what_is_running(one_node, tmp_path):
    with driver(workers=1).start(Careful(workers.Slow(str(tmp_path), 300))) as pool:
        pool.submit(contract.job(0))
        wait_for(lambda: list(tmp_path.iterdir()))
    [pid] = (int(p.name) for p in tmp_path.iterdir())
    wait_for(lambda: not alive(pid))
    assert (tmp_path / str(pid)).read_text() == "", "nobody waited for it to end"
    assert not [t.name for t in threading.enumerate() if t.name.startswith("tour")]


@pytest.mark.slow
def test_jobs_go_on_many_tours(one_node, monkeypatch):
    """Tune's memory grows with the trials of a run."""
    from autocompress.study.drivers._ray import tour

    monkeypatch.setattr(tour, "MOST", 3)
    with driver().start(Careful(Pretend())) as pool:
        done, asked = contract.all_of(pool, [contract.job(i) for i in range(8)])
    assert len(done) == len(asked) == 8


@pytest.mark.slow
def test_when_tune_breaks_down(one_node, monkeypatch):
    """It is begun anew; if it never gets anywhere, that is the study's error."""
    from autocompress.study.drivers._ray import roles

    heard = roles.Answers.on_trial_result
    broken = itertools.chain([False, True], itertools.repeat(False))

    def sometimes(self, *about):
        assert not next(broken), "out of luck"
        return heard(self, *about)

    monkeypatch.setattr(roles.Answers, "on_trial_result", sometimes)
    with driver().start(Careful(Pretend())) as pool:
        done, asked = contract.all_of(pool, [contract.job(i) for i in range(4)])
    assert {o.state for o in done.values()} == {"complete"}
    assert sorted(e.number for e in asked) == [0, 1, 2, 3], "nothing is asked twice"

    def never(self, *about):
        raise RuntimeError("no luck at all")

    monkeypatch.setattr(roles.Answers, "on_trial_add", never)
    with driver().start(Careful(Pretend())) as pool:
        pool.submit(contract.job(0))
        with pytest.raises(StudyError, match=r"Ray Tune broke down: .*no luck at all"):
            wait_for(lambda: pool.next(0.1))


@pytest.mark.slow
def test_two_may_wait_for_answers_at_once(one_node):
    with driver().start(Careful(Pretend())) as pool:
        pool.submit(contract.job(0))
        pool.submit(contract.job(1))
        asked = [event for _ in range(2) if (event := pool.next(60))]
        assert {type(e) for e in asked} == {Gated}
        time.sleep(0.3)
        pool.answer(1, False)
        pool.answer(0, True)
        events = []
        wait_for(lambda: events.append(pool.next(0.1)) or sum(isinstance(e, Done) for e in events) == 2)
    done = {e.number: e.outcome.state for e in events if isinstance(e, Done)}
    assert done == {0: "complete", 1: "stopped"}


@pytest.mark.slow
def test_a_long_stage_shows_progress(one_node):
    with driver(workers=1).start(Careful(workers.Steps(3, 1.2))) as pool:
        pool.submit(contract.job(0))
        said = [event for _ in range(4) if (event := pool.next(60))]
        apart = [b - a for a, b in itertools.pairwise(map(float, [e.text for e in said[:3]]))]
    assert [type(e) for e in said] == [Progress, Progress, Progress, Done]
    assert min(apart) > 1


def test_nobody_works_while_somebody_measures(one_node, tmp_path):
    with driver().start(Careful(workers.Measures(str(tmp_path)))) as pool:
        done, _ = contract.all_of(pool, [contract.job(i) for i in range(6)])
    assert {o.state for o in done.values()} == {"complete"}
    seen = [line.split() for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert len(list(tmp_path.iterdir())) == 2, "two workers, or this proves nothing"
    times = sorted((float(began), float(ended), what) for what, began, ended in seen)
    alone = [(began, ended) for began, ended, what in times if what == "measures"]
    assert len(alone) == 6
    for began, ended in alone:
        assert [t for t in times if t[0] < ended and t[1] > began] == [(began, ended, "measures")]
    beside = [(a, b) for a, b in itertools.pairwise(times) if b[0] < a[1]]
    assert beside, "training goes on side by side"


def test_machines_that_are_not_there(one_node, monkeypatch):
    with pytest.raises(StudyError, match="no machine has 64 CPUs and 2 GPUs, which a trial takes"):
        driver(workers=None, cpus_per_trial=64, gpus_per_trial=2).start(Pretend())
    with pytest.raises(ValidationError, match="runs on a machine of the cluster, not through Ray Client"):
        driver(address="ray://10.0.0.1:10001")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", raises(ConnectionError("Could not find any running Ray instance.\nPlease ...")))
    with pytest.raises(StudyError, match=r"no Ray at 'auto': Could not find any running Ray instance.$"):
        driver(address="auto").start(Pretend())


def raises(error):
    def call(*about, **more):
        raise error

    return call


@pytest.mark.slow
def test_only_who_can_read_our_file_gets_in(one_node):
    """Ray listens on all interfaces."""
    from ray._common.usage.usage_lib import usage_stats_enabled

    token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
    assert (token.parent, token.stat().st_mode & 0o777) == (Path(os.environ["AUTOCOMPRESS_HOME"]), 0o600)
    assert not usage_stats_enabled()
    assert not ray._private.worker.get_dashboard_url()
    program = [sys.executable, "-c", STRANGER, ray.get_runtime_context().gcs_address]
    friend = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert friend.stdout.strip().endswith("inside"), friend.stderr
    unknown = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    for mode in "disabled", "token":
        stranger = {**unknown, "RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": "0" * 64}
        found = subprocess.run(program, capture_output=True, text=True, timeout=120, env=stranger)
        assert found.returncode != 0
        assert "inside" not in found.stdout


@pytest.mark.slow
def test_when_the_driver_is_killed_its_ray_goes_with_it_and_the_study_goes_on(tmp_path):
    program = [sys.executable, str(HERE / "on_ray.py"), str(tmp_path)]
    first = subprocess.Popen(program)
    try:
        wait_for(lambda: len(acknowledged(tmp_path)) > 4)
        family = descendants(first.pid)
    finally:
        first.kill()
        first.wait()
    assert len(family) > 4, "its Ray and two workers"
    before = len(acknowledged(tmp_path))
    subprocess.run(program, check=True, timeout=200)
    numbers = [line["number"] for line in acknowledged(tmp_path)]
    assert len(numbers) == len(set(numbers)), "a trial was acknowledged twice"
    assert 4 < before < len(numbers)
    assert results(tmp_path / "study") == in_a_pretend_world(on_ray.BUDGET, tmp_path)
    wait_for(lambda: not any(map(alive, family)), 90)  # Ray's agents try to tell the dead for a minute


@pytest.mark.slow
@pytest.mark.parametrize("what", ["killed", "frozen"])
def test_a_node_that_is(what, tmp_path):
    """The study ends with the very results that it would have had, on the nodes that are left."""
    subprocess.run([sys.executable, str(HERE / "on_cluster.py"), str(tmp_path), what], check=True, timeout=400)
    assert results(tmp_path / "study") == in_a_pretend_world(on_cluster.BUDGET, tmp_path)


def results(folder):
    """What every trial came to, by its number. Each is there once, and none is left running or waiting."""
    store = Store(f"sqlite:///{folder}/study.db", "pretend")
    assert {f.state for f in store.history()} <= {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    return {t.number: (t.recipe.key, t.state, t.code) for t in store.trials()}


def in_a_pretend_world(budget, folder):
    study = Study(spec(budget=Budget(trials=budget)), folder / "pretend", work=Pretend())
    study.run()
    return results(study.folder)


def acknowledged(folder):
    file = folder / "acknowledged"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
