"""A search by chance for as much device time, that a front is held against."""

import pytest
from fakes import Pretend, spec

from autocompress.reports.of_study import view_of
from autocompress.reports.table import summary
from autocompress.study.core import Brake
from autocompress.study.study import Study
from autocompress.values.study import Budget


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))


def pretend(trials=30, **changes):
    settings = {"sampler": {"use": "tpe"}, "schedule": {"use": "halving"}, "control": "random"} | changes
    return Study.of(spec(budget=Budget(trials=trials), **settings), work=Pretend())


def test_chance_gets_as_much_device_time_and_no_help():
    study = pretend()
    study.run()
    control = study.control
    assert control is not None
    spent = sum(t.seconds for t in study.trials)
    asked = sum(t.seconds for t in control.trials)
    assert spent <= asked < spent + 3 * 20, "what was running is finished"
    assert control.spec.name == "pretend-control"
    assert control.spec.sampler == {"use": "random"}
    assert {t.origin for t in control.trials} == {"asked"}
    assert {t.state for t in control.trials} <= {"complete", "infeasible", "failed"}
    assert (control.spec.space, control.spec.limits, control.spec.seed) == (
        study.spec.space,
        study.spec.limits,
        study.spec.seed,
    )


def test_it_is_told_and_leaves_the_front_alone():
    study = pretend()
    study.run()
    view = view_of(study)
    assert view.control == tuple(study.control.trials)
    assert view.front.members == study.front().members
    ours, chance = view.volumes
    assert ours > 0
    assert chance > 0
    line = f"against random search for as long: hypervolume {ours:.3f}, it has {chance:.3f}\n"
    assert line in summary(view)


def test_nobody_asks_chance_who_did_not_want_it():
    study = pretend(control=None)
    study.run()
    assert study.control is None
    assert view_of(study).control == ()
    assert view_of(study).volumes is None
    assert "random search" not in summary(view_of(study))
    assert pretend().control is None or not pretend().control.begun


def test_a_study_that_was_stopped_has_no_control_yet_and_goes_on_to_it():
    brake, study = Brake(), pretend()
    for happening, _ in study.steps(brake):
        if happening.kind == "ended":
            brake.level = 1
    assert not study.control.begun
    study.run()
    assert study.control.begun
    before = study.control.trials
    study.run()
    assert study.control.trials == before, "asked once"
