"""What is tried beside what the sampler asks for: known recipes, other endings, other seeds; and what it costs."""

import re
from dataclasses import replace
from random import Random

import pytest
from fakes import SPACE, Pretend, spec
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import lived

from autocompress.plugin import make
from autocompress.search.known import known, middle
from autocompress.search.variants import asked, drawn, variants
from autocompress.study.core import Loop
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful
from autocompress.study.purse import paid
from autocompress.study.store import Store
from autocompress.study.wishes import other_endings
from autocompress.values.craft import Craft
from autocompress.values.job import Done, Outcome
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe, canonical
from autocompress.values.seeds import merged
from autocompress.values.space import Choice, Float, Int, Order, fill, holes
from autocompress.values.study import Budget, Gain
from autocompress.values.trial import Trial


def techniques(stage):
    match stage:
        case {"use": "distill", "method": {"use": _}}:
            return frozenset({"distillation"})
        case {"use": "prune"}:
            return frozenset({"pruning"})
        case {"use": "quantize"}:
            return frozenset({"quantization"})
    return frozenset()


CRAFT = Craft(free=lambda stage: stage["use"] in ("prune", "quantize"), techniques=techniques)


def filled(params, space=SPACE):
    return Recipe.of(fill(space, lambda at, hole: params[at]))


# --- known recipes ---------------------------------------------------------------------------------------------------


def test_what_everybody_would_try_by_hand():
    lines = [filled(params).line for params in known(SPACE, CRAFT)]
    assert lines == [
        "cnn(width 20) → distill(method none)",
        "cnn(width 20) → distill(method none) → quantize(bits 8)",
        "cnn(width 20) → prune(by l1, ratio 0.45) → distill(logit(temperature 5.5))",
        "cnn(width 20) → distill(logit(temperature 5.5)) → prune(by l1, ratio 0.45) → quantize(bits 8)",
        "cnn(width 20) → prune(by l1, ratio 0.45) → distill(logit(temperature 5.5)) → quantize(bits 8)",
    ]


def test_what_a_space_has_no_room_for_is_left_out():
    only = {"student": {"use": "cnn", "width": 8}, "stages": [{"use": "prune", "ratio": {"float": [0.2, 0.4]}}]}
    assert known(only, CRAFT) == []
    assert [filled(p, {"stages": []}).line for p in known({"stages": []}, CRAFT)] == ["(nothing)"]


def test_quantization_alone_is_the_cheap_one():
    learns = {"use": "quantize", "recover": 5}
    space = {"stages": [{"choice": ["none", learns, {"use": "quantize"}]}]}
    craft = replace(CRAFT, free=lambda stage: "recover" not in stage)
    assert [filled(p, space).stages for p in known(space, craft)] == [[], [{"use": "quantize"}]]


@pytest.mark.parametrize(
    ("hole", "wanted"),
    [
        (Int(4, 32, 4), 20),
        (Int(1, 2), 1),
        (Int(1, 100, log=True), 10),
        (Int(1, 10, 4), 5),
        (Float(0.0, 1.0), 0.5),
        (Float(0.01, 1.0, log=True), 0.1),
        (Float(0.0, 1.0, 0.4), 0.4),
        (Choice(("none", "a")), "none"),
        (Order(("a", "b")), "a>b"),
    ],
)
def test_the_middle_of_a_range_is_one_of_its_values(hole, wanted):
    assert middle(hole) == pytest.approx(wanted)


def test_they_come_first_once_and_are_trained_to_their_end(tmp_path):
    study = spec(budget=Budget(trials=7), schedule={"use": "halving"})
    _, store = lived(study, tmp_path, craft=CRAFT, stops=[2, 6, 9])
    first = [t for t in store.trials() if t.origin == "first"]
    assert [t.recipe for t in first] == [filled(p) for p in known(SPACE, CRAFT)]
    assert [t.number for t in first] == list(range(len(first)))
    assert {t.state for t in first} <= {"complete", "infeasible"}
    few = study.model_copy(update={"first": "nothing", "budget": Budget(trials=2)})
    _, none = lived(few, tmp_path / "none", craft=CRAFT)
    assert not [t for t in none.trials() if t.origin == "first"]


# --- other endings ---------------------------------------------------------------------------------------------------


def one_way(random):
    params = {}

    def pick(at, hole):
        params[at] = drawn(hole, random)
        return params[at]

    fill(SPACE, pick)
    return params


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10_000))
def test_variants_share_all_that_was_trained_and_end_for_free(seed):
    share_what_was_trained_and_end_for_free(seed)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10_000))
def test_many_variants_share_all_that_was_trained_and_end_for_free(seed):
    share_what_was_trained_and_end_for_free(seed)


def share_what_was_trained_and_end_for_free(seed):
    params = one_way(Random(seed))
    own = filled(params)
    found = [filled(p) for p in variants(SPACE, params, CRAFT, {own.key}, 4, Random(seed))]
    assert len({r.key for r in found} | {own.key}) == len(found) + 1
    for recipe in found:
        shared = sum(a == b for a, b in zip(recipe.keys, own.keys, strict=False))
        assert shared >= 1
        assert all(CRAFT.free(stage) for stage in recipe.stages[shared - 1 :])


def test_variants_lie_in_the_space_and_differ_in_what_is_done_first():
    params = one_way(Random(3))
    legal = dict(holes(SPACE))
    for p in variants(SPACE, params, CRAFT, set(), 6, Random(0)):
        assert set(p) == set(asked(SPACE, p)), "only what the recipe uses"
        for at, value in p.items():
            match legal[at]:
                case Choice() | Order() as hole:
                    assert value in hole.labels
                case Int() as hole:
                    assert hole.low <= value <= hole.high
                    assert (value - hole.low) % hole.step == 0
                case Float() as hole:
                    assert hole.low <= value <= hole.high
    own = [stage["use"] for stage in filled(params).stages]
    other = [[s["use"] for s in filled(p).stages] != own for p in variants(SPACE, params, CRAFT, set(), 3, Random(0))]
    assert other == sorted(other, reverse=True)
    assert other[0]


def test_nothing_is_a_variant_where_everything_trains():
    dear = replace(CRAFT, free=lambda stage: False)
    params = one_way(Random(1))
    for p in variants(SPACE, params, dear, set(), 4, Random(0)):
        recipe, own = filled(p), filled(params)
        assert recipe.keys == own.keys[: len(recipe.keys)], "only its own beginnings are there for nothing"


def endings(*found):
    """What they do after the student, by name, whatever the settings."""
    return [re.findall(r'"use":"([^"]+)"', canonical(list(filled(p).stages))) for p in found]


def test_one_may_stand_for_all_that_do_the_same():
    for seed in range(20):
        params = one_way(Random(seed))
        every = variants(SPACE, params, CRAFT, set(), 8, Random(0))
        each_kind = variants(SPACE, params, CRAFT, set(), 8, Random(0), each=False)
        kinds = endings(*each_kind)
        assert [kind for i, kind in enumerate(kinds) if kind in kinds[:i]] == []
        assert endings(params)[0] not in kinds
        assert {str(k) for k in endings(*every)} - {str(endings(params)[0])} <= {str(k) for k in kinds}


def test_only_what_is_on_the_front_is_worth_other_settings(tmp_path):
    """Of others one of each kind is tried, unless it costs next to nothing."""
    study = spec(budget=Budget(trials=30, variants=8))
    loop, store = lived(study, tmp_path, craft=CRAFT)
    trials = {t.number: t for t in store.trials()}
    ended = [t for t in trials.values() if t.state == "complete" and t.origin == "asked"]
    ahead = next(t for t in loop.front.members if t in ended)
    behind = next(t for t in ended if t.number not in {m.number for m in loop.front.members})
    variant = next(t for t in trials.values() if t.state == "complete" and t.origin == "variant")
    for t, share, only_one in (ahead, 0.9, False), (behind, 0.9, True), (behind, 0.1, False):
        known = {t.number: t, variant.number: variant.model_copy(update={"seconds": share * t.seconds, "of": None})}
        wished = other_endings(study, CRAFT, t, known, loop.front, store.params)
        kinds = [str(kind) for kind in endings(*(wish.params for wish in wished))]
        assert (len(kinds) == len(set(kinds))) == only_one


def test_they_are_ordinary_trials_that_the_budget_caps(tmp_path):
    study = spec(budget=Budget(trials=10, variants=2))
    loop, store = lived(study, tmp_path, craft=CRAFT, stops=[8, 20])
    trials = store.trials()
    variant = [t for t in trials if t.origin == "variant"]
    assert variant
    assert loop.counts.variants == len(variant)
    assert 10 <= loop.paid < 13, "they are not counted"
    parents = {t.number: t for t in trials}
    for t in variant:
        assert parents[t.of].state == "complete"
        assert parents[t.of].origin != "variant"
        assert t.state in ("complete", "infeasible", "failed")
    assert max([t.of for t in variant].count(n) for n in {t.of for t in variant}) == 2
    _, off = lived(spec(budget=Budget(trials=4)), tmp_path / "off", craft=CRAFT)
    assert not any(t.origin == "variant" for t in off.trials())


# --- other seeds -----------------------------------------------------------------------------------------------------


def trial(number, accuracy, seed=0, spread=None, size=100.0, over=-1.0):
    told = (
        Measurement(metric="accuracy", value=accuracy, how="measured", spread=spread, note="agrees"),
        Measurement(metric="size", value=size, how="counted"),
    )
    recipe = Recipe.of({"student": {"use": "cnn"}})
    return Trial(
        number=number, recipe=recipe, state="complete", seed=seed, measurements=told, violations={"accuracy": over}
    )


def test_of_several_seeds_the_mean_counts():
    three = merged([trial(0, 0.90), trial(5, 0.94, 1), trial(6, 0.92, 2)])
    accuracy, size = three.measurements
    assert three.number == 0
    assert accuracy.value == pytest.approx(0.92)
    assert accuracy.spread == pytest.approx(0.02 / 3**0.5)
    assert accuracy.note == "mean of 3 seeds; agrees"
    assert size.value == 100
    assert size.spread is None or size.spread == 0
    assert merged([trial(4, 0.9)]) == trial(4, 0.9)


def test_agreeing_seeds_do_not_make_a_measurement_better_than_it_is():
    two = merged([trial(0, 0.9, spread=0.01), trial(1, 0.9, 1, spread=0.01)])
    assert two.measurements[0].spread == pytest.approx(0.01 / 2**0.5)


def test_luck_does_not_keep_a_limit():
    assert trial(0, 0.9, over=-0.01).feasible
    assert not merged([trial(0, 0.9, over=-0.01), trial(1, 0.8, 1, over=0.05)]).feasible


def test_the_front_is_trained_again_with_other_seeds(tmp_path):
    study = spec(budget=Budget(trials=12, replicas=3))
    loop, store = lived(study, tmp_path, stops=[15, 30, 33])
    trials = store.trials()
    assert {t.seed for t in trials if t.origin == "replica"} == {1, 2}
    assert all(t.seed == 0 for t in trials if t.origin != "replica")
    for member in loop.front.members:
        seeds = sorted(t.seed for t in trials if t.recipe == member.recipe and t.same_as is None)
        assert seeds == [0, 1, 2]
        assert member.measured("accuracy").note.startswith("mean of 3 seeds")
    assert loop.paid == 12


# --- what it costs ---------------------------------------------------------------------------------------------------


def test_devices_can_be_the_budget(tmp_path):
    _, store = lived(spec(budget=Budget(device_seconds=200)), tmp_path, stops=[20])
    spent = sum(t.seconds for t in store.trials())
    assert 200 <= spent < 200 + 3 * 20, "what was running is finished"
    before = lived(spec(budget=Budget(device_seconds=100)), tmp_path / "half")[1]
    assert sum(t.seconds for t in before.trials()) < spent


def test_a_search_that_gains_nothing_ends(tmp_path):
    loop, _ = lived(spec(budget=Budget(trials=400, gain=Gain(least=0.02, over=10))), tmp_path)
    assert 20 <= loop.paid < 130
    patient, _ = lived(spec(budget=Budget(trials=30, gain=Gain(least=1e-9, over=25))), tmp_path / "patient")
    assert patient.paid == 30, "the last 25 of the first 30 did gain something"


def test_a_budget_needs_an_end():
    with pytest.raises(ValueError, match=r"a budget needs an end: trials, time or device_time"):
        Budget(variants=3)
    assert str(Budget(trials=30, seconds=600, gain=Gain(least=0.01, over=9))) == (
        "30 trials or 600 s or 9 trials that gain less than 1.0%"
    )


def test_what_was_paid_can_be_read_off_a_stored_study(tmp_path):
    study = spec(budget=Budget(trials=12, variants=1), schedule={"use": "halving"})
    loop, store = lived(study, tmp_path, craft=CRAFT)
    assert paid(study, store.history()) == pytest.approx(loop.paid)
    assert paid(study, []) == 0


def test_work_that_dies_is_wanted_as_it_was(tmp_path):
    """A replica whose worker died is done again with its own seed."""
    study = spec(budget=Budget(trials=6, replicas=2), driver={"use": "serial"})
    store = Store.create(f"sqlite:///{tmp_path}/study.db", study.name, study.objectives)
    loop = Loop(study, store)
    died = []

    def work(job):
        if job.seed == 1 and not died:
            died.append(job.number)
            yield Done(job.number, Outcome("failed", code="worker_died"))
        else:
            yield from Pretend()(job)

    with make(Driver, study.driver).start(Careful(work)) as pool:
        list(loop.run(pool))
    again = [t for t in store.trials() if t.retry_of == died[0]]
    assert [(t.seed, t.origin, t.state) for t in again] == [(1, "replica", "complete")]
