"""Every file that ships passes the check, and runs for three pretend trials."""

import pytest
from fakes import OBJECTIVES, Pretend, spec
from worlds import lived

from autocompress.config.load import check, load_device, load_space, load_study
from autocompress.config.shipped import names
from autocompress.values.study import Budget

PRETEND = {"driver": {"use": "simulated", "workers": 2}, "budget": Budget(trials=3)}


@pytest.mark.parametrize("name", names("study"))
def test_every_study(name, tmp_path):
    assert check(name) == "autocompress.study/v1"
    study = load_study(name).model_copy(update=PRETEND)
    loop, store = lived(study, tmp_path, work=Pretend(gate=False))
    assert 3 <= loop.paid < 4, "whoever is stopped early pays a share, so the last may begin before the end"
    assert loop.baseline
    assert all(t.state in ("complete", "failed", "stopped") for t in store.trials())


@pytest.mark.parametrize("name", names("space"))
def test_every_space(name, tmp_path):
    study = spec(space=load_space(name), objectives=OBJECTIVES, limits=(), **PRETEND)
    loop, _ = lived(study, tmp_path, work=Pretend(gate=False))
    assert loop.paid == 3


@pytest.mark.parametrize("name", names("device"))
def test_every_device(name):
    device = load_device(name)
    assert device.id == name
    assert device.limits
    assert device.objectives
