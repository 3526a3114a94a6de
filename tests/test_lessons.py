"""What a search is told of trials that came to no end: numbers that mean the same. And no idle questions."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from fakes import OBJECTIVES, SPACE, Pretend, numbers, spec
from test_wishes import CRAFT
from worlds import lived

from autocompress.plugin import make
from autocompress.search.known import known
from autocompress.search.lesson import Lesson, lesson_of
from autocompress.search.samplers._process import ENOUGH, Process
from autocompress.search.samplers.base import Sampler
from autocompress.search.samplers.ehvi import NEAREST, _costs
from autocompress.search.search import Search
from autocompress.study.purse import Purse
from autocompress.values.job import Done, Gated
from autocompress.values.measurement import Measurement
from autocompress.values.study import Budget

FRAME = 3000.0  # bytes of a file beside its weights


@dataclass(frozen=True)
class Framed:
    """The pretend world, where a file is larger than its weights, and of half of the networks that is said early."""

    def __call__(self, job):
        events, answer = Pretend()(job), None
        size = Measurement(metric="size", value=numbers(job.recipe.tree)[2] + FRAME, how="measured")
        while not isinstance(event := events.send(answer), Done):
            answer = yield event
            if isinstance(event, Gated) and answer and job.number % 2:
                answer = yield Gated(job.number, (*event.measurements, size), event.seconds)
        found = event.outcome.measurements
        if event.outcome.state == "complete":
            found = (*(m for m in found if m.metric != "size"), size)
        yield Done(job.number, type(event.outcome)(event.outcome.state, found, code=event.outcome.code))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    study = spec(budget=Budget(trials=30), schedule={"use": "halving"}, sampler={"use": "random"}, seed=3)
    loop, store = lived(study, tmp_path_factory.mktemp("framed"), work=Framed())
    return loop, {f.number: lesson_of(f) for f in store.history()}


def test_weights_are_compared_with_weights_and_files_with_files(told):
    """At a rung everybody's weights are known; of those that came to no end no cost is what was only counted."""
    loop, lessons = told
    place = [o.metric for o in OBJECTIVES].index("size")
    first = min(n for n, t in loop.trials.items() if t.state == "complete")
    states = set()
    for number, trial in loop.trials.items():
        size = numbers(trial.recipe.tree)[2]
        for costs in lessons[number].rungs.values():
            assert costs[place] == pytest.approx(math.log(size)), "also of those whose file was looked at"
        if trial.state == "complete":
            assert lessons[number].costs[place] == pytest.approx(math.log(size + FRAME))
        elif number > first and trial.state != "failed":
            assert lessons[number].costs[place] is None
        states.add(trial.state)
    assert {"complete", "stopped", "infeasible"} <= states


def test_who_was_stopped_is_told_from_those_that_were_like_it():
    small = [Lesson([math.log(1000 + 10 * i + FRAME)], {0.3: [math.log(1000 + 10 * i)]}) for i in range(NEAREST)]
    large = [Lesson([math.log(1e6 + FRAME)], {0.3: [math.log(1e6)]}) for _ in range(2 * NEAREST)]
    stopped = Lesson([None], {0.3: [math.log(1035)]})
    which, cost, doubt = _costs([*large, *small, stopped], 0)[-1]
    assert which == 3 * NEAREST
    assert cost == pytest.approx(math.log(1035 + FRAME), abs=0.03)
    assert doubt < 0.1


def test_settings_come_from_the_last_points_and_knowledge_from_all():
    draw = np.random.default_rng(0)
    points = draw.random((2 * ENOUGH, 2))
    values = np.concatenate([draw.random(ENOUGH), np.sin(6 * points[ENOUGH:, 0]) + points[ENOUGH:, 1]])
    whole = Process.of(points, values, np.zeros(len(points)))
    few = Process.of(points[-ENOUGH:], values[-ENOUGH:], np.zeros(ENOUGH))
    assert (whole.length, whole.plane) == (few.length, few.plane)
    assert len(whole.weights) == 2 * ENOUGH


def test_those_that_are_made_together_are_what_each_is_alone():
    draw = np.random.default_rng(1)
    points, columns = draw.random((40, 3)), [draw.random(40), 5 + 100 * draw.random(40)]
    for doubts in (np.zeros(40), np.full(40, 0.3)):
        for made, values in zip(Process.several(points, columns, doubts), columns, strict=True):
            alone = Process.of(points, values, doubts)
            assert (made.length, made.plane) == (alone.length, alone.plane)
            for one, other in zip(made.at(points), alone.at(points), strict=True):
                assert one == pytest.approx(other)


def test_a_wish_that_leaves_nothing_open_is_no_question(monkeypatch):
    plug = make(Sampler, {"use": "tpe"})
    search, asked = Search(SPACE, OBJECTIVES, plug, 0), []
    build = type(plug).build
    monkeypatch.setattr(type(plug), "build", lambda self, seed: asked.append(seed) or build(self, seed))
    whole = known(SPACE, CRAFT)[0]
    search.enqueue(whole, {})
    search.enqueue({"student": whole["student"]}, {})
    recipe, frozen = search.ask()
    assert (frozen.number, asked) == (0, [])
    assert {name: frozen.params[name] for name in whole} == whole
    assert recipe.line == "cnn(width 20) → distill(method none)"
    assert [search.ask()[1].number for _ in range(2)] == [1, 2]
    assert len(asked) == 2, "the second leaves something open, and nobody wished for the third"


def test_a_purse_that_counts_as_it_goes_comes_to_what_one_counts_at_once(tmp_path):
    study = spec(budget=Budget(trials=14), schedule={"use": "halving"})
    loop, _ = lived(study, tmp_path, stops=[9, 17])
    at_once = sum(map(Purse(study.budget, loop.rungs)._price, loop.trials.values()))
    assert loop.paid == pytest.approx(at_once)
    assert loop.paid == pytest.approx(loop.paid_for_done)
    assert 14 <= at_once < 17
