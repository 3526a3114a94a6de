"""A study as people handle it: run, resume, fork, lock, facts; and the engine on any function."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from fakes import Pretend, spec

import autocompress as ac
from autocompress.errors import StudyError
from autocompress.study.lock import held
from autocompress.study.store import Store
from autocompress.study.study import Study
from autocompress.values.study import Budget

HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def pretend(**changes):
    return Study.of(spec(**changes), work=Pretend())


def test_run_then_look(home):
    study = pretend()
    front = study.run()
    assert front.members == study.front().members
    assert len(study.trials) >= 20
    assert (home / "studies" / "pretend" / "study.db").exists()
    assert study.fact("environment")["optuna"] == optuna.__version__
    assert study.fact("seconds") > 0
    assert not study.running


def test_running_it_again_does_nothing_new():
    study = pretend()
    study.run()
    before = study.trials
    study.run()
    assert study.trials == before


def test_a_larger_budget_goes_on_where_it_ended():
    pretend().run()
    study = pretend(budget=Budget(trials=30))
    first = [t.recipe for t in study.trials]
    study.run()
    assert [t.recipe for t in study.trials][: len(first)] == first
    assert sum(t.state != "infeasible" for t in study.trials) == 30


def test_another_driver_may_go_on():
    pretend(budget=Budget(trials=5)).run()
    pretend(budget=Budget(trials=10), driver={"use": "serial"}).run()
    assert sum(t.state != "infeasible" for t in pretend().trials) == 10


def test_whoever_searches_a_function_waits_for_no_torch():
    """Each start of a study would take seconds longer."""
    asked = "import sys; from autocompress.study import study, validation; print([m for m in {!r} if m in sys.modules])"
    heavy = ["torch", "onnxruntime", "sklearn", "pandas", "altair"]
    done = subprocess.run([sys.executable, "-c", asked.format(heavy)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_study_of_another_version_is_told_in_words():
    pretend(budget=Budget(trials=1)).run()
    with closing(Store(f"sqlite:///{pretend().folder / 'study.db'}", "pretend")) as store:
        store.set_fact("spec", {**store.fact("spec"), "haste": 1})
        store.set_fact("environment", {**store.fact("environment"), "commit": "0123456789abcdef"})
    words = (
        r"^study 'pretend' was begun by another version of autocompress \(commit 0123456789ab\), and this one does not "
        "understand its haste; go on with that version, or begin it anew with --as pretend-2$"
    )
    with pytest.raises(StudyError, match=words):
        Study.open("pretend")
    with pytest.raises(StudyError, match=words):
        pretend().run()


def test_a_changed_file_is_refused_and_says_what_changed():
    pretend().run()
    with pytest.raises(StudyError) as error:
        pretend(seed=3, sampler={"use": "tpe"}).run()
    assert str(error.value) == (
        "study 'pretend' was begun with other settings; its trials would not be comparable:\n"
        "  sampler.use: random -> tpe\n"
        "  seed: 0 -> 3\n"
        "undo the change, or start a new study with --as pretend-2"
    )


def test_open_finds_it_by_name_as_it_was_specified():
    pretend().run()
    again = Study.open("pretend")
    assert again.spec == spec()
    assert again.front().members == pretend().front().members


def test_open_of_nothing_says_so(home):
    with pytest.raises(StudyError, match=r"there is no study 'nobody' in .*studies"):
        Study.open("nobody")
    with pytest.raises(StudyError, match="study 'pretend' has not been run yet"):
        _ = pretend().trials


def test_a_second_controller_is_refused_and_told_who_holds_it(home):
    study = pretend()
    steps = study.steps()
    next(steps)
    assert study.running
    program = (
        f"import sys; sys.path.insert(0, {HERE!r}); from fakes import *; from autocompress.study.study import Study\n"
        "Study.of(spec(), work=Pretend()).run()"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60).stderr
    last = told.strip().splitlines()[-1]
    assert "study 'pretend' is already being run by process " in last
    assert "wait for it, or stop it" in last
    steps.close()
    assert not study.running


def test_the_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), held(tmp_path, "x"):
        raise ZeroDivisionError
    with held(tmp_path, "x"):
        assert json.loads((tmp_path / "lock.json").read_text())["pid"]


def test_it_shows_itself():
    study = pretend()
    study.run()
    assert repr(study).startswith("<Study 'pretend': ")
    assert study.front().pick().trial in study.front().members


# --- the engine on anything ---


def wave(recipe, fidelity):
    x = recipe.tree["x"]
    return {"accuracy": (1 - 1 / x, 0.001), "size": float(x * x)}


def square(recipe):
    return {"size": float(recipe.tree["x"] ** 2)}


AIMS = {"accuracy": "maximize", "size": "minimize"}


def test_any_function_can_be_searched():
    study = ac.search({"x": {"int": [2, 60]}}, wave, objectives=AIMS, limits={"size": 900}, gate=square, budget=25)
    found = study.front()
    assert len(found) > 5
    assert all(t.value("size") <= 900 for t in found.members)
    assert all(t.state == "infeasible" for t in study.trials if t.recipe.tree["x"] > 30)
    assert found.pick("smallest").trial.value("size") == min(t.value("size") for t in found.members)
    assert set(found.to_pandas()["size"]) == {t.value("size") for t in found.members}


@pytest.mark.parametrize("metrics", [("size",), ("accuracy", "size", "latency_p50", "energy")])
def test_one_objective_or_four(metrics):
    def evaluate(recipe, fidelity):
        x = recipe.tree["x"]
        return {"accuracy": 1 - 1 / x, "size": x, "latency_p50": 1e-6 * x * x, "energy": abs(x - 9) + 1.0}

    aims = {m: AIMS.get(m, "minimize") for m in metrics}
    study = ac.search({"x": {"int": [2, 60]}}, evaluate, objectives=aims, budget=15)
    front = study.front()
    assert len(front) == 1 or len(metrics) == 4
    assert front.pick().trial in front.members
    assert front.pick("balanced").trial in front.members


def test_without_a_name_it_leaves_nothing_behind(home):
    ac.search({"x": {"int": [2, 9]}}, wave, objectives=AIMS, budget=3)
    assert not home.exists()


def test_with_a_name_the_same_call_goes_on():
    called = []

    def counted(recipe, fidelity):
        called.append(recipe)
        return wave(recipe, fidelity)

    for budget in (4, 9):
        study = ac.search({"x": {"int": [2, 999]}}, counted, objectives=AIMS, budget=budget, name="waves")
    assert len(called) == 9
    assert len(study.trials) == 9


def test_several_workers_need_functions_that_travel():
    study = ac.search({"x": {"int": [2, 99]}}, wave, objectives=AIMS, gate=square, budget=8, workers=2)
    assert {t.state for t in study.trials} == {"complete"}


def test_a_limit_takes_the_side_that_its_metric_wants():
    study = ac.search({"x": {"int": [2, 9]}}, wave, objectives=AIMS, limits={"accuracy": 0.8, "size": 70}, budget=8)
    assert {(x.metric, x.side) for x in study.spec.limits} == {("accuracy", "min"), ("size", "max")}


def test_what_the_function_raises_is_a_failed_trial_with_its_traceback():
    def broken(recipe, fidelity):
        raise KeyError("no such layer")

    study = ac.search({"x": {"int": [2, 9]}}, broken, objectives=AIMS, budget=2)
    assert [t.code for t in study.trials] == ["unexpected", "unexpected"]
    assert "KeyError: 'no such layer'" in study.trials[0].message


def test_the_function_and_the_folder_have_one_name():
    import autocompress.search.search as inner

    assert inner.Search.__module__ == "autocompress.search.search"
    assert len(ac.search({"x": {"int": [2, 9]}}, wave, objectives=AIMS, budget=2).trials) == 2
