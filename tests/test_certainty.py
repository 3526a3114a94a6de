"""How sure a place on the front is: shares of draws, and what they are called."""

import math

import pytest

from autocompress.values import certainty
from autocompress.values.certainty import contenders, shares, standings
from autocompress.values.front import front
from autocompress.values.limit import Objective
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.trial import Trial

AIMS = (Objective(metric="accuracy", direction="maximize"), Objective(metric="size", direction="minimize"))


def trial(number: int, accuracy: float, size: float, spread: float = 0.0, **more: object) -> Trial:
    told = (
        Measurement(metric="accuracy", value=accuracy, how="measured", spread=spread or None),
        Measurement(metric="size", value=size, how="counted"),
    )
    recipe = Recipe.of({"student": number, "stages": []})
    return Trial(number=number, recipe=recipe, state="complete", measurements=told, **more)  # type: ignore[arg-type]


def test_without_noise_a_place_is_sure():
    assert shares([trial(0, 0.9, 10), trial(1, 0.8, 5), trial(2, 0.7, 20)], AIMS) == {0: 1.0, 1: 1.0, 2: 0.0}


@pytest.mark.parametrize("errors", [0.0, 0.5, 1.0, 2.0])
def test_the_share_is_the_probability_that_noise_turns_the_difference(errors):
    """Of two of one size the better one stays; normal noise of both adds up in squares."""
    spread = 0.01
    gap = errors * spread * math.sqrt(2)
    found = shares([trial(0, 0.9 + gap, 10, spread), trial(1, 0.9, 10, spread)], AIMS, draws=4000)
    assert found[0] == pytest.approx(0.5 * (1 + math.erf(errors / math.sqrt(2))), abs=0.03)
    assert found[0] + found[1] == pytest.approx(1.0)


def test_the_same_question_gets_the_same_answer():
    some = [trial(i, 0.9 + i / 1000, 10 + i, 0.01) for i in range(5)]
    assert shares(some, AIMS) == shares(some, AIMS)
    assert shares([], AIMS) == {}


def test_standings_have_names():
    members, near = [trial(0, 0.9, 10), trial(1, 0.8, 5)], [trial(2, 0.899, 10), trial(3, 0.7, 10)]
    whole = front([*members, *near], AIMS)
    told = standings(whole, near, {0: 0.9, 1: 0.4, 2: 0.1, 3: 0.05})
    assert told == {0: "on the front", 1: "within noise", 2: "within noise"}, "and 3 is beaten"


def test_contenders_are_those_whom_no_member_beats_beyond_noise():
    member = trial(0, 0.90, 10, 0.01)
    close, clear = trial(1, 0.88, 10, 0.01), trial(2, 0.80, 10, 0.01)
    smaller = trial(3, 0.80, 9.99, 0.01)  # nothing beats it in size: it is on the front itself
    sure = trial(4, 0.89, 10)
    worse_and_sure = trial(5, 0.89, 11)  # larger, of which no noise is known
    over = trial(6, 0.899, 10, 0.01, violations={"size": 0.1})
    whole = front([member, close, clear, smaller, sure, worse_and_sure, over], AIMS)
    assert [t.number for t in whole.members] == [0, 3]
    found = contenders(whole, [member, close, clear, smaller, sure, worse_and_sure, over])
    assert [t.number for t in found] == [1, 4, 5]


def test_of_very_many_the_nearest_are_drawn(monkeypatch):
    monkeypatch.setattr(certainty, "MOST", 2)
    some = [trial(0, 0.9, 10, 0.01), *(trial(i, 0.9 - i / 1000, 10, 0.01) for i in (5, 1, 9, 3))]
    assert [t.number for t in contenders(front(some, AIMS), some)] == [1, 3]
