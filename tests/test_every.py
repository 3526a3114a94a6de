"""Every recipe of a space that has an end, each once; and a space made of recipes."""

import pytest

from autocompress.search.every import MOST, every, listed
from autocompress.values.recipe import Recipe
from autocompress.values.space import fill

TREE = {
    "student": {"use": "cnn", "width": {"int": [4, 12], "step": 4}},
    "stages": [
        {"choice": [None, {"use": "prune", "ratio": {"float": [0.1, 0.5], "step": 0.2}, "by": {"choice": ["a", "b"]}}]},
        {"use": "finetune"},
    ],
}


def recipes(space):
    return [Recipe.of(fill(space, lambda at, hole, p=p: p[at])) for p in every(space)]


def test_every_combination_comes_once_and_only_what_belongs_to_it_is_varied():
    found = recipes(TREE)
    assert len(found) == 3 * (1 + 3 * 2) == len({r.key for r in found})
    cuts = [None, *((by, ratio) for by in "ab" for ratio in (0.1, 0.3, 0.5))]
    assert {(r.tree["student"]["width"], _cut(r)) for r in found} == {(w, cut) for w in (4, 8, 12) for cut in cuts}


def _cut(recipe):
    return next(((s["by"], s["ratio"]) for s in recipe.stages if s["use"] == "prune"), None)


def test_it_goes_through_them_in_the_order_in_which_they_are_written():
    assert [r.tree["student"]["width"] for r in recipes(TREE)] == [4] * 7 + [8] * 7 + [12] * 7
    assert [len(r.stages) for r in recipes(TREE)][:7] == [1] + [2] * 6


def test_the_sequences_of_an_order_are_all_there():
    space = {"student": {"use": "cnn"}, "stages": [{"order": [{"use": "a"}, {"use": "b"}, {"use": "c"}]}]}
    assert len(recipes(space)) == 6
    # what is not there makes no difference to the sequence
    space = {"student": {"use": "cnn"}, "stages": [{"order": [{"use": "a"}, {"choice": ["none", {"use": "b"}]}]}]}
    assert len(recipes(space)) == 3


def test_a_space_without_holes_is_one_recipe():
    assert every({"student": {"use": "cnn"}, "stages": []}) == [{}]


def test_what_has_no_end_is_named():
    with pytest.raises(ValueError, match=r"^stages\.0\.lr: a range of all numbers has no end"):
        every({"student": {"use": "cnn"}, "stages": [{"use": "finetune", "lr": {"float": [0.1, 0.2]}}]})
    with pytest.raises(ValueError, match="more than 2,000 recipes"):
        every({"student": {"use": "cnn", "width": {"int": [1, MOST + 1]}}, "stages": []})


@pytest.mark.parametrize(
    "wanted",
    [
        [{"student": {"use": "a"}, "stages": []}],
        [{"student": {"use": "a"}, "stages": []}, {"student": {"use": "b"}, "stages": [{"use": "x"}]}],
        [
            {"student": {"use": "a", "n": 1}, "stages": [{"use": "x", "n": 1}, {"use": "y"}]},
            {"student": {"use": "a", "n": 2}, "stages": [{"use": "x", "n": 2}]},
            {"student": {"use": "a", "n": 1}, "stages": [{"use": "x", "n": 2}, {"use": "z"}, {"use": "x", "n": 1}]},
            {"student": {"use": "a", "n": 1}, "stages": [{"use": "x", "n": 2.0}, {"use": "z"}]},
        ],
    ],
)
def test_recipes_that_have_nothing_in_common_fill_one_space(wanted):
    space, params = listed(wanted)
    assert [Recipe.of(fill(space, lambda at, hole, p=p: p[at])) for p in params] == [Recipe.of(r) for r in wanted]
    assert set(map(Recipe.of, wanted)) <= set(recipes(space))
