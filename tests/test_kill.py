"""kill -9 at random moments: nothing acknowledged is lost, nothing is counted twice, nothing stays running."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState
from processes import alive, wait_for

from autocompress.study.purse import paid
from autocompress.study.store import Store
from autocompress.values.front import front
from autocompress.values.study import StudySpec

HERE = Path(__file__).parent


def test_sixty_kills(tmp_path):
    live_and_die(tmp_path, 60)


@pytest.mark.slow
def test_two_hundred_kills(tmp_path):
    live_and_die(tmp_path, 200)


def live_and_die(tmp_path, kills):
    program = [sys.executable, str(HERE / "killed.py"), str(tmp_path), str(kills)]
    told = subprocess.run(program, capture_output=True, text=True, timeout=10 * kills, check=True).stdout
    lives = json.loads(told)
    assert lives["kills"] == kills
    assert lives["died_working"] > kills / 2, "most kills must hit a study at work, else this proves little"
    acknowledged = [json.loads(line) for line in (tmp_path / "acknowledged").read_text().splitlines()]
    store = Store(f"sqlite:///{tmp_path}/study.db", "pretend")
    trials = {t.number: t for t in store.trials()}
    numbers = [a["number"] for a in acknowledged]
    assert len(numbers) == len(set(numbers)), "a trial was acknowledged twice"
    for a in acknowledged:
        trial = trials[a["number"]]
        assert (trial.state, trial.recipe.key, len(trial.measurements)) == (a["state"], a["key"], a["measurements"])
    assert not [f.number for f in store.history() if f.state in (TrialState.RUNNING, TrialState.WAITING)]
    assert sorted(trials) == list(range(len(trials)))
    spec = StudySpec.model_validate(store.fact("spec"))
    assert lives["budget"] <= paid(spec, store.history()) < lives["budget"] + 1, "paid once, and to the end"
    promoted = [t.of for t in trials.values() if t.origin == "promoted"]
    assert promoted
    assert len(promoted) == len(set(promoted)), "who goes on does so once"
    members = front(list(trials.values()), spec.objectives, spec.limits).members
    for member in members:
        assert {t.seed for t in trials.values() if t.recipe == member.recipe and t.state == "complete"} == {0, 1}


def test_workers_do_not_outlive_a_killed_controller(tmp_path):
    program = [sys.executable, str(HERE / "orphans.py"), str(tmp_path)]
    controller = subprocess.Popen(program, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: len(pids_in(tmp_path)) == 2)
    finally:
        controller.send_signal(signal.SIGKILL)
        controller.wait()
    wait_for(lambda: not any(map(alive, pids_in(tmp_path))))


def pids_in(folder):
    return [int(p.name) for p in folder.iterdir() if p.name.isdigit()]
