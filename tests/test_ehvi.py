"""The models behind `ehvi`: what they say of what was seen, of what was not, and of what ended early."""

from random import Random

import numpy as np
import pytest
from fakes import OBJECTIVES
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from autocompress.plugin import make
from autocompress.search.lesson import AIMS, NAME, Lesson, lesson_of
from autocompress.search.samplers._features import anything, is_used, near, rows
from autocompress.search.samplers._process import Process
from autocompress.search.samplers.base import Sampler
from autocompress.search.samplers.ehvi import Outlook, _breaches, _costs, _unclaimed
from autocompress.search.search import Search

HOLES = {
    "stages.0": CategoricalDistribution(("none", "prune", "prune#2")),
    "stages.0=prune.ratio": FloatDistribution(0.1, 0.9),
    "stages.0=prune#2.steps": IntDistribution(1, 9, step=2),
    "width": IntDistribution(4, 64, log=True),
    "x": FloatDistribution(0.0, 1.0),
}


def test_a_process_knows_what_it_was_told_and_doubts_the_rest():
    points = np.random.default_rng(0).random((40, 3))
    truth = 3 * points[:, 0] + np.sin(5 * points[:, 1])
    model = Process.of(points, truth, np.zeros(40))
    mean, doubt = model.at(points)
    assert np.abs(mean - truth).max() < 0.1
    _, more = model.at(np.full((1, 3), 5.0))
    assert more[0] > 3 * doubt.max()
    others = np.random.default_rng(1).random((200, 3))
    told, spread = model.at(others)
    off = told - (3 * others[:, 0] + np.sin(5 * others[:, 1]))
    assert np.corrcoef(told, told - off)[0, 1] > 0.97
    assert np.mean(np.abs(off) < 2 * spread) > 0.5


def test_it_is_the_textbook_regression():
    """Against the formula, with the settings it chose."""
    draw = np.random.default_rng(3)
    points, values = draw.random((12, 2)), draw.random(12)
    model = Process.of(points, values, np.full(12, 0.05))
    inside = model.factor @ model.factor.T
    apart = np.linalg.norm(points[:1] + 0.1 - points, axis=1) * 5**0.5 / model.length
    bumps = (1 + apart + apart**2 / 3) * np.exp(-apart)
    shared = (model.plane * (points[:1] + 0.1) @ points.T / 2 + (1 - model.plane) * bumps).ravel()
    y = (values - values.mean()) / values.std()
    expected = values.mean() + values.std() * shared @ np.linalg.solve(inside, y)
    assert model.at(points[:1] + 0.1)[0] == pytest.approx(expected)


def test_doubtful_values_bend_it_less():
    points = np.array([[0.0], [0.1], [0.2], [0.5], [0.9], [1.0]])
    values = np.array([0.0, 0.0, 0.0, 5.0, 0.0, 0.0])
    sure = Process.of(points, values, np.zeros(6)).at(points)[0][3]
    unsure = Process.of(points, values, np.array([0, 0, 0, 50.0, 0, 0])).at(points)[0][3]
    assert abs(unsure) < abs(sure)


def test_equal_values_are_no_trouble():
    mean, doubt = Process.of(np.eye(4), np.ones(4), np.zeros(4)).at(np.eye(4))
    assert mean == pytest.approx(np.ones(4))
    assert np.isfinite(doubt).all()


def test_what_a_recipe_does_not_use_makes_no_difference():
    one = {"stages.0": "none", "stages.0=prune.ratio": 0.2, "stages.0=prune#2.steps": 3, "width": 8, "x": 0.5}
    other = one | {"stages.0=prune.ratio": 0.7, "stages.0=prune#2.steps": 9}
    assert (rows([one], HOLES) == rows([other], HOLES)).all()
    used = {"stages.0": "prune#2", **{k: v for k, v in one.items() if k != "stages.0"}}
    assert is_used("stages.0=prune#2.steps", used)
    assert not is_used("stages.0=prune.ratio", used), "prune is not prune#2"
    assert (rows([used], HOLES) != rows([used | {"stages.0=prune#2.steps": 9}], HOLES)).any()
    apart = np.linalg.norm(rows([used, one], HOLES)[0][:3] - rows([used, one], HOLES)[1][:3])
    assert apart == pytest.approx(1.0)


def test_neighbours_and_draws_are_legal_and_neighbours_are_near():
    random = Random(0)
    for _ in range(200):
        here = anything(HOLES, random)
        there = near(here, HOLES, random)
        for filling in (here, there):
            for name, hole in HOLES.items():
                assert hole._contains(hole.to_internal_repr(filling[name])), (name, filling[name])
        changed = [name for name in HOLES if here[name] != there[name]]
        assert len(changed) <= 4
        assert all(is_used(name, here) for name in changed)


def ended(x, cost, *, state=TrialState.COMPLETE, rungs=None, breach=-1.0, failed=False):
    params = {"x": x, "width": 8, "stages.0": "none", "stages.0=prune.ratio": 0.5, "stages.0=prune#2.steps": 1}
    lesson = Lesson([cost, x], rungs or {}, failed)
    done = state == TrialState.COMPLETE
    return create_trial(
        params=params,
        distributions=HOLES,
        values=[cost, x] if done else None,
        state=state,
        system_attrs={NAME: lesson.note},
        constraints={"size": breach},
    )


def test_stopped_trials_teach_by_how_far_they_had_come():
    complete = [ended(x, -0.9, rungs={0.5: [-0.7, x]}) for x in (0.1, 0.2, 0.3)]
    stopped = ended(0.9, None, state=TrialState.PRUNED, rungs={0.5: [-0.4, 0.9]})
    lessons = [lesson_of(t) for t in [*complete, stopped]]
    assert _costs(lessons, 0)[-1] == pytest.approx((3, -0.6, 0.0), abs=1e-6), "it would have gained 0.2 as well"
    assert _costs(lessons, 1)[-1] == (3, 0.9, 0.0), "its size was known"
    assert len(_costs(lessons[2:], 0)) == 1, "of one complete trial nothing can be learned"


def test_it_looks_where_limits_are_kept_and_things_work():
    """Costs fall with x in both objectives; beyond 0.6 a limit is broken, or nothing works."""
    fine = [ended(x, -x) for x in np.linspace(0.05, 0.55, 8)]
    beyond = np.linspace(0.65, 0.95, 8)
    free = Outlook([*fine, *(ended(x, -x) for x in beyond)], ("gain", "x"), HOLES, 0).best(Random(1))
    broken = [ended(x, -x, breach=+1.0) for x in beyond]
    limited = Outlook([*fine, *broken], ("gain", "x"), HOLES, 0).best(Random(1))
    crashed = [ended(x, None, state=TrialState.PRUNED, failed=True) for x in beyond]
    wary = Outlook([*fine, *crashed], ("gain", "x"), HOLES, 0).best(Random(1))
    assert limited["x"] < 0.75
    assert wary["x"] < 0.75
    assert 0 <= free["x"] <= 1


def test_what_somebody_has_won_is_not_open():
    seen = np.array([[0.0, 1.0], [1.0, 0.0], [0.4, 0.4]])
    rest = _unclaimed(seen, seen, 0)
    for point in rest:
        assert not (seen <= point).all(axis=1).any()
    assert len(rest) > 50


def test_stopped_trials_teach_how_near_they_would_have_come_to_a_limit_on_what_is_aimed_at():
    """Accuracies of 0.9, 0.8 and 0.7 are 0.1 above a limit, on it by a hair, and 0.1 below."""
    went_on = [(-0.9, -0.1), (-0.8, -0.001), (-0.7, 0.1)]
    complete = [ended(0.1, cost, rungs={0.5: [cost + 0.2, 0.1]}, breach=by) for cost, by in went_on]
    stopped = ended(0.9, None, state=TrialState.PRUNED, rungs={0.5: [-0.55, 0.9]}, breach=0.0)
    trials = [*complete, stopped]
    costs = _costs([lesson_of(t) for t in trials], 0)
    assert costs[-1] == pytest.approx((3, -0.75, 0.0), abs=1e-6)
    assert _breaches(trials, "size", costs)[-1] == pytest.approx((3, 0.0495, 0.0), abs=1e-6), "halfway"
    doubtful = [*costs[:3], (3, -0.75, 0.05)]
    assert _breaches(trials, "size", doubtful)[-1] == pytest.approx((3, 0.0495, 0.05), abs=1e-3)
    assert [i for i, *_ in _breaches(trials, "size", [])] == [0, 1, 2], "a limit on something else says nothing"
    assert [i for i, *_ in _breaches(trials[1:], "size", [(0, -0.8, 0.0), (1, -0.7, 0.0), (2, -0.75, 0.0)])] == [0, 1]


def test_it_leaves_alone_what_would_break_a_limit_if_it_went_on():
    """All that goes beyond 0.6 was stopped, and would have come to what no limit allows."""
    fine = [ended(x, -1 + x, rungs={0.5: [-0.8 + x, x]}, breach=-0.1 + x) for x in np.linspace(0.0, 0.3, 8)]
    beyond = np.linspace(0.65, 0.95, 8)
    stopped = [ended(x, None, state=TrialState.PRUNED, rungs={0.5: [-0.8 + x, x]}, breach=0.0) for x in beyond]
    known, unknown = (
        Outlook([*fine, *stopped], aims, HOLES, 0)._expected(
            Outlook([*fine, *stopped], aims, HOLES, 0)._limits, rows([{**fine[0].params, "x": 0.8}], HOLES)
        )[0]
        for aims in (("size", "x"), ("gain", "x"))
    )
    assert known[0] > 0.1
    assert known[1] < unknown[1], "and it is surer of that"


def test_a_search_says_which_metrics_it_aims_at():
    search = Search({"x": {"float": [0, 1]}}, OBJECTIVES, make(Sampler, {"use": "ehvi"}), 0)
    assert search._study.user_attrs[AIMS] == [o.metric for o in OBJECTIVES]
