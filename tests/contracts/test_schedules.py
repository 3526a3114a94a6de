"""Every schedule: rungs in order, the unbeaten go on, budgets hold."""

import pytest
from fakes import spec
from hypothesis import given
from hypothesis import strategies as st
from worlds import lived

from autocompress.plugin import make, names
from autocompress.search.schedules.base import Schedule
from autocompress.values.study import Budget

SCHEDULES = sorted(names(Schedule))
every = pytest.mark.parametrize("name", SCHEDULES)
COSTS = st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=30)


@every
def test_rungs_are_shares_of_the_training_in_order(name):
    rungs = make(Schedule, {"use": name}).rungs()
    assert list(rungs) == sorted(set(rungs))
    assert all(0 < at < 1 for at in rungs)


@every
@given(seen=COSTS)
def test_a_newcomer_that_beats_everyone_goes_on(name, seen):
    best = (min(a for a, _ in seen) - 1, min(b for _, b in seen) - 1)
    table = dict(enumerate([*seen, best]))
    assert make(Schedule, {"use": name}).keep(len(seen), table)


@every
@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2", "nsga3"])
@pytest.mark.parametrize("driver", [{"use": "simulated", "workers": 3}, {"use": "serial"}])
def test_it_lives_with_every_sampler_and_driver(name, sampler, driver, tmp_path):
    study = spec(schedule={"use": name}, sampler={"use": sampler}, driver=driver, budget=Budget(trials=25))
    loop, store = lived(study, tmp_path)
    assert 25 <= loop.paid < 28, "three may be running when it is spent"
    assert all(t.state not in ("running", "waiting") for t in store.trials())
    assert len(loop.front) > 0
