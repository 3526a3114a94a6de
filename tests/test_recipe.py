"""A recipe is its canonical text; its keys are its prefixes."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.values.recipe import Recipe, canonical, digest

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
TREES = st.recursive(LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=3))
STAGES = st.lists(
    st.fixed_dictionaries({"use": st.sampled_from(["prune", "distill"]), "x": st.integers(0, 2)}), max_size=4
)
HEADS = st.fixed_dictionaries({"use": st.just("convnet"), "width": st.integers(1, 3)})


def _shuffled(value: Any, data: st.DataObject) -> Any:
    if isinstance(value, dict):
        keys = data.draw(st.permutations(list(value)))
        return {k: _shuffled(value[k], data) for k in keys}
    return [_shuffled(v, data) for v in value] if isinstance(value, list) else value


@given(TREES, st.data())
def test_canonical_text_ignores_the_order_of_keys_and_nothing_else(tree: Any, data: st.DataObject) -> None:
    assert canonical(_shuffled(tree, data)) == canonical(tree)


@given(TREES, TREES)
def test_different_values_have_different_texts(a: Any, b: Any) -> None:
    assert (canonical(a) == canonical(b)) == (repr(_sorted(a)) == repr(_sorted(b)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _sorted(value[k]) for k in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list) else value


def test_canonical_text_is_exactly_this() -> None:
    assert canonical({"b": [1, 1.0, True, None], "a": "é"}) == '{"a":"é","b":[1,1.0,true,null]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


@given(HEADS, STAGES, HEADS, STAGES)
def test_equal_prefixes_have_equal_keys_and_only_they(a: Any, first: Any, b: Any, second: Any) -> None:
    x, y = Recipe.of({"student": a, "stages": first}), Recipe.of({"student": b, "stages": second})
    assert len(x.keys) == len(first) + 1
    for i in range(len(x.keys)):
        for j in range(len(y.keys)):
            same = a == b and first[:i] == second[:j]
            assert (x.keys[i] == y.keys[j]) == same
    assert (x == y) == (x.key == y.key)


@given(HEADS, STAGES, STAGES)
def test_later_stages_do_not_change_earlier_keys(head: Any, first: Any, more: Any) -> None:
    short, long = Recipe.of({"student": head, "stages": first}), Recipe.of({"student": head, "stages": first + more})
    assert long.keys[: len(short.keys)] == short.keys


def test_keys_stay_what_they_are() -> None:
    """Caches on disk are found by them: a change here throws every cache away."""
    r = Recipe.of({"student": {"use": "convnet"}, "stages": [{"use": "prune", "ratio": 0.5}]})
    assert r.keys[0] == digest("recipe", '{"student":{"use":"convnet"}}')
    assert r.key == digest(r.keys[0], '{"ratio":0.5,"use":"prune"}')
    assert r.key == "c9027ca3c3d48f2a5a6bbd8a9ffab725a6a57aa72e24646872c146c24fd47b0f"


def test_parts_of_a_digest_cannot_run_into_each_other() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", "")}) == 4


def test_a_recipe_cannot_be_changed() -> None:
    r = Recipe.of({"student": {"use": "convnet"}, "stages": [{"use": "prune"}]})
    key, text = r.key, r.text
    r.tree["student"]["use"] = "other"
    r.student["use"] = "other"
    r.stages.append("other")
    assert (r.text, Recipe(text).key, r.tree["student"]) == (text, key, {"use": "convnet"})
    with pytest.raises(AttributeError):
        r.text = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(r)) == r


@pytest.mark.parametrize("stages", [[], None, "none", ["none"], [None, "none"]])
def test_not_doing_a_thing_is_not_a_stage(stages: Any) -> None:
    assert Recipe.of({"student": "x", "stages": stages}) == Recipe.of({"student": "x"})


def test_stages_are_a_list() -> None:
    with pytest.raises(ValueError, match=r"stages: wants a list, got {'use': 'prune'}"):
        Recipe.of({"stages": {"use": "prune"}})


def test_the_line_is_what_people_read() -> None:
    stages = [
        {"use": "distill", "method": {"use": "dkd", "beta": 4.0}, "augment": False},
        {"use": "prune", "ratio": 1 / 3, "keep": None, "sizes": [1, 2], "more": {"a": 1}},
        "export",
    ]
    assert Recipe.of({"student": {"use": "convnet", "width": 32}, "seed": 1, "stages": stages}).line == (
        "seed=1 → convnet(width 32) → distill(augment false, dkd(beta 4)) → "
        "prune(keep null, {a 1}, ratio 0.333, sizes [1, 2]) → export"
    )
    assert Recipe.of({}).line == "(nothing)"


def test_of_several_plug_ins_the_line_says_which_is_what() -> None:
    both = {"use": "distill", "epochs": 1, "hint": {"use": "none"}, "method": {"use": "dml"}}
    assert (
        Recipe.of({"student": {"use": "cnn"}, "stages": [both]}).line
        == "cnn → distill(epochs 1, hint none, method dml)"
    )
