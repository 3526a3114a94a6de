"""Every sampler: its answers lie in the space, its seed decides, interruptions do not, failures do not stop it."""

from collections.abc import Callable
from functools import cache

import pytest
from fakes import SPACE, Pretend, spec
from worlds import lived

from autocompress.plugin import make, names
from autocompress.search.samplers.base import Sampler
from autocompress.study.core import Loop
from autocompress.values.space import Choice, Float, Int, Order, holes
from autocompress.values.study import Budget

SAMPLERS = sorted(names(Sampler))
TRIALS = {"gp": 7, "ehvi": 20}  # they think longer about each
SETTINGS = {"gp": {"startup": 4}}
every = pytest.mark.parametrize("name", SAMPLERS)
either = pytest.mark.parametrize("encoding", ["flat", "tree"])


def study(name, encoding="flat", trials=None, seed=0):
    return spec(
        sampler={"use": name, "encoding": encoding, **SETTINGS.get(name, {})},
        budget=Budget(trials=trials or TRIALS.get(name, 40)),
        seed=seed,
        driver={"use": "simulated", "workers": 2},
    )


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> Callable[..., Loop]:
    """`ended(name)`: of a study that ran to its end, once for all tests that ask for the same one."""

    @cache
    def found(name: str, workers: int = 2, **more: int) -> Loop:
        spec = study(name, **more).model_copy(update={"driver": {"use": "simulated", "workers": workers}})
        return lived(spec, tmp_path_factory.mktemp("ended"))[0]

    return found


@every
@either
def test_answers_lie_in_the_space(name, encoding, tmp_path):
    space = dict(holes(SPACE))
    loop, store = lived(study(name, encoding), tmp_path)
    for frozen in store.history():
        assert encoding == "tree" or set(frozen.params) == set(space)
        for path, value in frozen.params.items():
            match space[path]:
                case Choice() | Order() as hole:
                    assert value in hole.labels
                case Int() as hole:
                    assert hole.low <= value <= hole.high
                    assert (value - hole.low) % hole.step == 0
                case Float() as hole:
                    assert hole.low <= value <= hole.high
    assert loop.paid == study(name).budget.trials


@every
def test_the_seed_decides(name, ended, tmp_path):
    one = [t.recipe for t in ended(name).trials.values()]
    same = [t.recipe for t in lived(study(name), tmp_path / "same")[0].trials.values()]
    other = [t.recipe for t in lived(study(name, seed=1, trials=5), tmp_path / "other")[0].trials.values()]
    assert one == same
    assert one[:5] != other[:5]


@pytest.mark.parametrize("name", [n for n in SAMPLERS if n != "gp"])  # its numbers end 1e-5 apart, not bit-equal
@pytest.mark.parametrize("after", [7, *(pytest.param(late, marks=pytest.mark.slow) for late in (1, 23))])
def test_an_interruption_changes_nothing(name, after, ended, tmp_path):
    """Stopped after some events and run again, one worker: the same trials as in one go."""
    once = study(name).model_copy(update={"driver": {"use": "simulated", "workers": 1}})
    whole = ended(name, workers=1)
    halved = lived(once, tmp_path / "halved", stops=[after])[0]
    assert [t.recipe for t in halved.trials.values()] == [t.recipe for t in whole.trials.values()]
    assert [t.state for t in halved.trials.values()] == [t.state for t in whole.trials.values()]


@every
def test_failures_do_not_stop_it(name, tmp_path):
    only_28 = {"student": {"use": "cnn", "width": {"choice": [28, 28]}, "depth": {"int": [2, 9]}}, "stages": []}
    loop, _ = lived(study(name, trials=8).model_copy(update={"space": only_28}), tmp_path)
    assert sum(t.state == "failed" and t.same_as is None for t in loop.trials.values()) <= 8
    assert set(loop.counts.failed_by) == {"nan_loss"}
    assert loop.counts.complete == 0


@pytest.mark.parametrize("name", ["tpe", "nsga2", "ehvi"])
def test_learning_beats_blind_choice(name, ended):
    """Deterministic: the world, the seeds and the clock are given."""

    def volumes(sampler):
        return [ended(sampler, trials=40, seed=seed).hypervolume for seed in (0, 1)]

    assert sum(volumes(name)) > sum(volumes("random"))


def test_samplers_learn_to_stay_away_from_what_fails(tmp_path):
    """Optuna's samplers forget FAIL trials: TPE then asks for the failing width again and again."""
    loop, _ = lived(study("tpe", trials=100), tmp_path)
    assert loop.counts.failed < 10


@every
def test_building_it_twice_gives_the_same(name):
    sampler = make(Sampler, {"use": name})
    assert type(sampler.build(3)) is type(sampler.build(3))
    assert sampler.build(3) is not sampler.build(3)
    assert Pretend() == Pretend()
