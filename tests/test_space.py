"""A space is a tree with holes: `fill` leaves none, asks only for what `holes` lists, and splices orders."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.values.recipe import Recipe
from autocompress.values.space import Choice, Float, Hole, Int, Order, Value, fill, holes, parse

NAMES = st.sampled_from(["distill", "prune", "quantize", "widen"])
PLAIN = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from(["none", "a", "b"])
INTS = st.tuples(st.integers(1, 9), st.integers(0, 9), st.booleans()).map(
    lambda t: {"int": [t[0], t[0] + t[1]], "log": t[2]}
)
FLOATS = st.tuples(st.floats(0.1, 9), st.floats(0, 9)).map(lambda t: {"float": [t[0], t[0] + t[1]]})


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    stage = st.builds(lambda use, x: {"use": use, "x": x}, NAMES, inner)
    return (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["p", "q"]), inner)
        | stage
        | st.lists(inner, min_size=1, max_size=3).map(lambda options: {"choice": options})
        | st.lists(stage | st.just({"choice": ["none", {"use": "prune"}]}), min_size=2, max_size=3).map(
            lambda items: {"order": items}
        )
    )


TREES = st.recursive(PLAIN | INTS | FLOATS, _grown, max_leaves=12)


def _draw(data: st.DataObject, hole: Hole) -> Value:
    match hole:
        case Choice(labels):
            return data.draw(st.sampled_from(labels))
        case Order():
            return data.draw(st.sampled_from(hole.labels))
        case Int(low, high):
            return data.draw(st.integers(low, high))
        case Float(low, high):
            return data.draw(st.floats(low, high))


@given(TREES, st.data())
def test_any_pick_leaves_no_hole_and_asks_only_what_is_listed(tree: Any, data: st.DataObject) -> None:
    listed = dict(holes(tree))
    asked: list[str] = []

    def pick(path: str, hole: Hole) -> Value:
        assert listed[path] == hole
        asked.append(path)
        return _draw(data, hole)

    filled = fill(tree, pick)
    assert list(holes(filled)) == []
    assert len(asked) == len(set(asked))


@given(TREES)
def test_every_listed_hole_is_reached_by_some_pick(tree: Any) -> None:
    """Parents first: whoever knows the labels along a path can get there."""
    paths = [path for path, _ in holes(tree)]
    assert len(paths) == len(set(paths))
    for target, _ in holes(tree):
        seen: set[str] = set()

        def towards(path: str, hole: Hole, target: str = target, seen: set[str] = seen) -> Value:
            seen.add(path)
            match hole:
                case Choice(labels):
                    ways = [x for x in labels if target == f"{path}={x}" or target.startswith(f"{path}={x}.")]
                    deeper = [x for x in labels if target.startswith(f"{path}={x}=")]
                    return max(ways + deeper, key=len, default=labels[0])
                case Order():
                    return hole.labels[0]
            return hole.low

        fill(tree, towards)
        assert target in seen


def _first(path: str, hole: Hole) -> Value:
    return hole.labels[0] if isinstance(hole, Choice | Order) else hole.low


def _last(path: str, hole: Hole) -> Value:
    return hole.labels[-1] if isinstance(hole, Choice | Order) else hole.high


SPACE = {
    "student": {"use": "convnet", "width": {"int": [8, 64], "step": 8}},
    "stages": [
        {"order": [{"use": "distill", "alpha": {"float": [0, 1]}}, {"choice": ["none", {"use": "prune"}]}]},
        {"choice": ["none", {"use": "quantize", "bits": {"choice": [8, 4]}}]},
    ],
}


def test_paths_and_labels_are_what_people_read() -> None:
    assert dict(holes(SPACE)) == {
        "student.width": Int(8, 64, 8),
        "stages.0": Order(("distill", "prune")),
        "stages.0.distill.alpha": Float(0.0, 1.0),
        "stages.0.prune": Choice(("none", "prune")),
        "stages.1": Choice(("none", "quantize")),
        "stages.1=quantize.bits": Choice(("8", "4")),
    }
    assert Order(("a", "b", "c")).labels == ("a>b>c", "a>c>b", "b>a>c", "b>c>a", "c>a>b", "c>b>a")


def test_an_order_becomes_part_of_the_list_and_none_stages_vanish() -> None:
    assert fill(SPACE, _last)["stages"] == [
        {"use": "prune"},
        {"use": "distill", "alpha": 1.0},
        {"use": "quantize", "bits": 4},
    ]
    assert fill(SPACE, _first)["stages"] == [{"use": "distill", "alpha": 0.0}, "none", "none"]
    assert Recipe.of(fill(SPACE, _first)).stages == [{"use": "distill", "alpha": 0.0}]


@pytest.mark.parametrize(
    "stages",
    [
        [{"choice": [{"order": ["a", "b"]}, "none"]}],  # behind a choice
        [{"order": ["a", {"choice": [{"order": ["b", "c"]}]}]}],  # an order in an order
        {"order": ["a", "b"]},  # the whole list
    ],
)
def test_an_order_is_spliced_wherever_it_stands(stages: Any) -> None:
    filled = fill({"stages": stages}, _first)["stages"]
    assert filled == ["a", "b", "c"][: len(filled)]
    assert len(filled) >= 2


def test_only_the_holes_of_the_picked_option_are_asked_for() -> None:
    asked = []

    def pick(path: str, hole: Hole) -> Value:
        asked.append(path)
        return _first(path, hole)

    fill(SPACE, pick)
    assert asked == ["student.width", "stages.0", "stages.0.distill.alpha", "stages.0.prune", "stages.1"]


def test_equal_options_get_numbered_labels() -> None:
    assert parse({"choice": [None, True, 1, 1.0, "1", {"use": "x"}, {"use": "x"}, {}, [1]]}) == Choice(
        ("none", "true", "1", "1.0", "1#2", "x", "x#2", "option", "option#2")
    )


def test_filling_leaves_the_space_as_it_was() -> None:
    before = repr(SPACE)
    fill(SPACE, _last)["student"]["width"] = 0
    assert repr(SPACE) == before


@pytest.mark.parametrize(
    ("hole", "message"),
    [
        ({"choice": []}, "s: a choice needs at least one option"),
        ({"choice": "ab"}, "s: 'choice' wants a list"),
        ({"choice": [1], "log": True}, "s: a 'choice' hole cannot also have ['log']"),
        ({"int": [1, 2], "float": [1, 2]}, "s: a 'int' hole cannot also have ['float']"),
        ({"order": ["a"]}, "s: an order needs 2 to 5 items, got 1"),
        ({"order": list("abcdef")}, "s: an order needs 2 to 5 items, got 6"),
        ({"order": ["a>b", "c"]}, "s: '>' separates the items of an order, and 'a>b' has one"),
        ({"int": [1, 2.5]}, "s: 'int' wants two whole numbers, [low, high]"),
        ({"int": [True, 2]}, "s: 'int' wants two whole numbers, [low, high]"),
        ({"float": [1]}, "s: 'float' wants two numbers, [low, high]"),
        ({"float": [1, "2"]}, "s: 'float' wants two numbers, [low, high]"),
        ({"float": [0, float("inf")]}, "s: 'float' wants finite numbers, got [0, inf]"),
        ({"float": [float("nan"), 1]}, "s: 'float' wants finite numbers, got [nan, 1]"),
        ({"int": [2, 1]}, "s: low 2 is above high 1"),
        ({"int": [1, 9], "step": 0}, "s: step must be above 0, got 0"),
        ({"float": [0, 1], "log": True}, "s: a log range must start above 0, got 0"),
        ({"float": [0, 1], "log": "yes"}, "s: log is true or false"),
        ({"float": [1, 2], "log": True, "step": 1}, "s: a log range cannot have a step"),
    ],
)
def test_a_hole_that_makes_no_sense_says_why(hole: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        list(holes({"s": hole}))
    assert str(error.value) == message
