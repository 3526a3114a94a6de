"""Successive halving over several objectives, and the notes from which its decisions can be taken again."""

import numpy as np
import pytest
from fakes import spec
from hypothesis import given
from hypothesis import strategies as st
from worlds import lived

from autocompress.search.schedules.halving import Halving, layers, order
from autocompress.study.rungs import Rungs, comparable
from autocompress.values.study import Budget

POINTS = st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=25)


def halving(**settings):
    return spec(schedule={"use": "halving", "first": 1 / 9, **settings}, budget=Budget(trials=25))


def test_rungs_are_a_third_apart():
    assert Halving().rungs() == pytest.approx((1 / 3,), abs=1e-5)
    assert Halving(first=1 / 9).rungs() == pytest.approx((1 / 9, 1 / 3), abs=1e-5)
    assert Halving(eta=2, first=0.25).rungs() == (0.25, 0.5)


@given(POINTS)
def test_layers_are_what_is_left_when_those_before_are_gone(points):
    array = np.array(points, dtype=float)
    found = layers(array)
    for i, mine in enumerate(found):
        beaten_by = [
            found[j] for j in range(len(points)) if (array[j] <= array[i]).all() and (array[j] < array[i]).any()
        ]
        assert mine == (max(beaten_by) + 1 if beaten_by else 0)
    assert sorted(order(array, found)) == list(range(len(points)))
    assert [found[i] for i in order(array, found)] == sorted(found)


@given(POINTS)
def test_nobody_of_the_first_layer_is_stopped(points):
    seen = dict(enumerate(points))
    for number in np.flatnonzero(layers(np.array(points, dtype=float)) == 0):
        assert Halving().keep(int(number), seen)


@given(POINTS)
def test_who_is_beaten_by_most_is_stopped(points):
    seen = dict(enumerate(points))
    last = max(max(p) for p in points) + 1
    seen[99] = (last, last, last)
    assert Halving().keep(99, seen) == (len(seen) == 1)


def test_inside_a_layer_the_extremes_and_then_the_farthest_come_first():
    line = np.array([(0, 10), (1, 9), (5, 5), (9, 1), (10, 0)], dtype=float)
    assert order(line, layers(line))[:3] == [0, 4, 2]


def test_who_was_stopped_early_goes_on_when_enough_worse_ones_have_come():
    good, better = (2.0, 2.0), (1.0, 1.0)
    assert not Halving().keep(1, {0: better, 1: good})
    seen = {0: better, 1: good, **{n: (3.0 + n, 3.0 + n) for n in range(2, 5)}}
    assert Halving().promoted([1, 2, 3], seen) is None, "one of five is not two"
    seen[9] = (20.0, 20.0)
    assert Halving().promoted([1, 2, 3], seen) == 1
    assert Halving(again=False).promoted([1, 2, 3], seen) is None
    assert Halving().promoted([3], seen) is None


def test_stopped_trials_are_promoted_and_do_not_pay_twice(tmp_path):
    loop, store = lived(halving(), tmp_path)
    promoted = [t for t in store.trials() if t.origin == "promoted"]
    assert promoted
    by_number = {t.number: t for t in store.trials()}
    for t in promoted:
        before = by_number[t.of]
        assert before.state == "stopped"
        assert before.recipe == t.recipe
        at = loop.rungs.share(t.of)
        assert not any(t.number in seen for rung, seen in loop.rungs.seen.items() if rung <= at), "judged once there"
    assert len({t.of for t in promoted}) == len(promoted)
    whole = [t for t in by_number.values() if t.state in ("complete", "failed") and t.same_as is None]
    stopped = [t for t in by_number.values() if t.state == "stopped"]
    parts = sum(loop.rungs.share(t.number) - loop.rungs.begun(t.number) for t in stopped)
    assert loop.paid == pytest.approx(len(whole) - sum(loop.rungs.begun(t.number) for t in whole) + parts)


def test_decisions_can_be_taken_again_from_the_notes(tmp_path):
    """Arrival order is part of the notes; so is what every trial was known to cost."""
    _, store = lived(halving(), tmp_path, stops=[30, 30])
    rungs = {}
    for frozen in store.history():
        for name, note in frozen.user_attrs.items():
            if name.startswith("rung:"):
                rungs.setdefault(name, []).append((note["place"], frozen.number, tuple(note["costs"]), note["kept"]))
    assert len(rungs) == 2
    for notes in rungs.values():
        assert sorted(place for place, *_ in notes) == list(range(len(notes)))
        seen = {}
        for _, number, costs, kept in sorted(notes):
            seen[number] = costs
            assert Halving().keep(number, comparable(seen)) == kept
        assert {kept for *_, kept in notes} == {True, False}


def test_asked_again_it_says_the_same_and_counts_once():
    rungs = Rungs(Halving())
    rungs.judged(0, 1 / 3, (1.0, 1.0, None))
    first = rungs.judged(1, 1 / 3, (2.0, 2.0, None))
    rungs.judged(2, 1 / 3, (0.5, 0.5, None))
    assert first[0] is False
    assert rungs.judged(1, 1 / 3, (0.0, 0.0, None)) == first
    assert list(rungs.seen[1 / 3]) == [0, 1, 2]


def test_what_is_not_known_of_everybody_is_not_compared():
    assert comparable({0: (1.0, 2.0, 5.0), 1: (1.0, 3.0, 4.0)}) == {0: (1.0, 2.0), 1: (1.0, 3.0)}
    stood_in = comparable({0: (1.0, 2.0, 5.0), 1: (1.0, None, 4.0)})
    assert stood_in == {0: (1.0, 5.0), 1: (1.0, 4.0)}, "the work to be done stands in"
    assert comparable({0: (1.0, 2.0, None), 1: (1.0, None, 4.0)}) == {0: (1.0,), 1: (1.0,)}


@pytest.mark.parametrize("stops", [[3], [11, 11], [5, 7, 9, 30]])
def test_interruptions_lose_and_double_nothing(stops, tmp_path):
    loop, store = lived(halving(), tmp_path, stops=stops)
    trials = store.trials()
    assert all(t.state not in ("running", "waiting") for t in trials)
    assert len({t.of for t in trials if t.origin == "promoted"}) == sum(t.origin == "promoted" for t in trials)
    assert 25 <= loop.paid < 28
    for t in trials:
        if t.state == "stopped":
            at = loop.rungs.share(t.number)
            assert store.history()[t.number].user_attrs[f"rung:{at:g}"]["kept"] is False


def test_it_trains_less_for_each_candidate(tmp_path):
    flat, _ = lived(spec(budget=Budget(trials=25)), tmp_path / "flat")
    halved, _ = lived(halving(), tmp_path / "halved")
    assert len(halved.trials) > 1.5 * len(flat.trials)
    assert halved.counts.stopped > halved.counts.complete / 2
