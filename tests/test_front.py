"""The front: nobody on it is beaten, everyone off it is; and the rules that pick from it."""

import json
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.values.front import RULES, Front, costs, front, reference, volume
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.trial import Trial

OBJECTIVES = (
    Objective(metric="accuracy", direction="maximize"),
    Objective(metric="latency_p50", direction="minimize"),
    Objective(metric="size", direction="minimize"),
)


def trial(number: int, *values: float, spread: float | None = None, how: Any = "measured", **more: Any) -> Trial:
    """Values of the objectives in order; `spread` is accuracy's."""
    measurements = tuple(
        Measurement(metric=o.metric, value=v, how=how, spread=spread if o.metric == "accuracy" else None)
        for o, v in zip(OBJECTIVES, values, strict=False)
    )
    recipe = Recipe.of({"student": more.pop("student", number)})
    return Trial(**{"number": number, "recipe": recipe, "state": "complete", "measurements": measurements, **more})


def numbers(f: Front) -> list[int]:
    return [t.number for t in f.members]


POINTS = st.lists(st.tuples(*[st.integers(1, 5).map(float) | st.floats(0.001, 5)] * 3), max_size=25)


@st.composite
def trials(draw: st.DrawFn) -> list[Trial]:
    return [
        trial(
            i,
            *values,
            violations=draw(st.sampled_from([{}, {}, {"size": -0.5}, {"size": 0.0}, {"size": 0.5}])),
            state=draw(st.sampled_from(["complete"] * 4 + ["infeasible", "stopped", "failed"])),
            fidelity=draw(st.sampled_from([1.0, 1.0, 1.0, 0.5])),
            student=draw(st.integers(0, 30)),
        )
        for i, values in enumerate(draw(POINTS))
    ]


def beats(a: Trial, b: Trial) -> bool:
    """In people's units, each in its own direction: written here once more, without the code under test."""
    x = [-a.value("accuracy"), a.value("latency_p50"), a.value("size")]
    y = [-b.value("accuracy"), b.value("latency_p50"), b.value("size")]
    return all(p <= q for p, q in zip(x, y, strict=True)) and x != y


@given(trials())
def test_nobody_on_it_is_beaten_and_everyone_off_it_is(given_trials: list[Trial]) -> None:
    on = front(given_trials, OBJECTIVES).members
    repeated: set[str] = set()
    for t in given_trials:
        fits = t.state == "complete" and t.fidelity == 1.0 and all(v <= 0 for v in t.violations.values())
        if fits and t.recipe.key not in repeated:
            repeated.add(t.recipe.key)
            assert (t in on) == (not any(beats(other, t) for other in on))
        else:
            assert t not in on
    assert not any(beats(a, b) for a in on for b in on)


@given(trials(), st.randoms())
def test_the_order_of_trials_does_not_matter(given_trials: list[Trial], rng: random.Random) -> None:
    shuffled = list(given_trials)
    rng.shuffle(shuffled)
    assert numbers(front(shuffled, OBJECTIVES)) == numbers(front(given_trials, OBJECTIVES))


@given(trials())
def test_a_trial_given_twice_counts_once(given_trials: list[Trial]) -> None:
    assert numbers(front(given_trials * 2, OBJECTIVES)) == numbers(front(given_trials, OBJECTIVES))


@given(POINTS)
def test_flipping_a_direction_with_its_sign_changes_nothing(points: list[tuple[float, float, float]]) -> None:
    flipped = (*OBJECTIVES[:2], Objective(metric="size", direction="maximize", scale="linear"))
    straight = front([trial(i, *p) for i, p in enumerate(points)], OBJECTIVES)
    other = front([trial(i, a, b, -c) for i, (a, b, c) in enumerate(points)], flipped)
    assert sorted(numbers(straight)) == sorted(numbers(other))


@given(trials())
def test_no_rule_leaves_the_front_and_every_volume_is_finite(given_trials: list[Trial]) -> None:
    f = front(given_trials, OBJECTIVES)
    assert set(f.picks()) == (set(RULES) if f.members else set())
    assert all(p.trial in f.members and p.rule == rule for rule, p in f.picks().items())
    assert np.isfinite(costs(f.members, OBJECTIVES)).all()
    assert 0 <= volume(f, np.array([0.0, 9.0, 9.0])) < float("inf")


def test_members_are_best_first_and_the_same_work_counts_once() -> None:
    slow, fast = trial(0, 0.9, 2, 2), trial(1, 0.8, 1, 1)
    again = trial(2, 0.95, 1, 1, student=0)  # the recipe and the seed of trial 0, luckier
    seed = trial(3, 0.95, 3, 3, student=0, seed=1)
    assert numbers(front([again, fast, slow], OBJECTIVES)) == [0, 1]
    assert numbers(front([fast, seed, slow], OBJECTIVES)) == [0, 1], "other seeds are not other models"
    assert numbers(front([trial(7, 0.9, 2, 2), slow], OBJECTIVES)) == [0, 7]  # equals do not beat each other


def test_an_estimate_is_never_compared_with_a_measurement() -> None:
    measured, estimated = trial(0, 0.9, 2, 2), trial(1, 0.99, 1, 1, how="estimated")
    assert numbers(front([measured, estimated], OBJECTIVES)) == [0]
    assert numbers(front([estimated], OBJECTIVES)) == [1]


def test_values_too_close_for_a_logarithm_are_still_told_apart() -> None:
    assert numbers(front([trial(0, 0.9, 1e-13, 1), trial(1, 0.9, 2e-13, 1)], OBJECTIVES)) == [0]


def test_a_trial_without_an_objective_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"^trial 4 has no size$"):
        front([trial(4, 0.9, 1)], OBJECTIVES)


# --- rules -----------------------------------------------------------------------------------------------------------

HAND = [
    trial(0, 0.95, 4, 40, spread=0.01),
    trial(1, 0.94, 2, 30, spread=0.01),  # within noise of 0: sqrt(2) x 0.01
    trial(2, 0.92, 1, 35, spread=0.01),
    trial(3, 0.80, 3, 10, spread=0.01),
]


def test_the_fastest_within_noise_of_the_best_accuracy() -> None:
    pick = front(HAND, OBJECTIVES).pick()
    assert (pick.trial.number, pick.rule) == (1, "accuracy-first")
    assert pick.reason == "2 models are within noise of the best accuracy (95.00 ± 1.00 %); this is the fastest of them"


def test_without_noise_the_most_accurate() -> None:
    exact = [trial(t.number, *(m.value for m in t.measurements)) for t in HAND]
    pick = front(exact, OBJECTIVES).pick()
    assert pick.trial.number == 0
    assert pick.reason == "best accuracy of the 4 models on the front; no other is within noise of it"


def test_the_other_rules() -> None:
    picks = front(HAND, OBJECTIVES).picks()
    assert {rule: p.trial.number for rule, p in picks.items()} == {
        "accuracy-first": 1,
        "balanced": 1,
        "fastest": 2,
        "smallest": 3,
    }
    assert picks["fastest"].reason == "fastest of the 4 models on the front: 1.00 s"
    assert picks["smallest"].reason == "smallest of the 4 models on the front: 10 B"


def test_ties_go_to_the_better_then_to_the_earlier() -> None:
    same_speed = [
        trial(0, 0.94, 1, 10, spread=0.01),
        trial(1, 0.95, 1, 20, spread=0.01),
        trial(2, 0.95, 1, 20, spread=0.01),
    ]
    assert front(same_speed, OBJECTIVES).pick().trial.number == 1
    assert front(same_speed, OBJECTIVES).pick("fastest").trial.number == 0


def test_where_nothing_is_known_of_speed_the_last_objective_breaks_ties_in_its_own_direction() -> None:
    objectives = (OBJECTIVES[0], Objective(metric="throughput", direction="maximize"))

    def quick(number: int, accuracy: float, throughput: float) -> Trial:
        t = trial(number, accuracy, spread=0.01)
        more = Measurement(metric="throughput", value=throughput, how="measured")
        return t.model_copy(update={"measurements": (*t.measurements, more)})

    f = front([quick(0, 0.95, 10), quick(1, 0.94, 20), quick(2, 0.5, 99)], objectives)
    assert f.pick().trial.number == 1
    assert f.pick().reason.endswith("this is the best in throughput of them")
    assert set(f.picks()) == {"accuracy-first", "balanced"}
    with pytest.raises(ValueError, match=r"^not every model on the front has size or params$"):
        f.pick("smallest")


def test_a_rule_needs_its_number_on_every_member() -> None:
    """One member with MACs and one without: `fastest` is not offered, and nothing breaks."""
    objectives = OBJECTIVES[:1]
    one = trial(0, 0.9)
    macs = (*one.measurements, Measurement(metric="macs", value=1, how="counted"))
    other = trial(1, 0.9).model_copy(update={"measurements": macs})
    assert set(front([one, other], objectives).picks()) == {"accuracy-first", "balanced"}


def test_one_model_and_one_objective() -> None:
    f = front([trial(0, 0.9), trial(1, 0.8)], OBJECTIVES[:1])
    assert numbers(f) == [0]
    assert {p.trial.number for p in f.picks().values()} == {0}
    assert {p.reason for p in f.picks().values()} == {"the only model on the front"}


def test_mistakes_have_messages() -> None:
    f = front(HAND, OBJECTIVES)
    with pytest.raises(
        ValueError, match=r"^no pick rule is called 'best'; there are accuracy-first, balanced, fastest, smallest$"
    ):
        f.pick("best")
    with pytest.raises(ValueError, match=r"^the front is empty: no complete trial fits the limits$"):
        replace(f, members=()).pick()


# --- reference and shape ---------------------------------------------------------------------------------------------


def test_the_reference_is_the_limit_else_the_baseline_else_the_worst() -> None:
    limits = (Limit(metric="size", side="max", bound=100), Limit(metric="latency_p50", side="min", bound=1e-9))
    base = (Measurement(metric="latency_p50", value=8, how="measured"),)
    point = reference(OBJECTIVES, limits, base, HAND)
    assert point.tolist() == pytest.approx([0.0, np.log(8), np.log(100)])  # a limit on the good side says nothing
    worst = reference(OBJECTIVES[1:], (), (), HAND)
    assert worst.tolist() == pytest.approx([np.log(4), np.log(40)], abs=1e-8)
    assert reference(OBJECTIVES[:1], (Limit(metric="accuracy", side="min", bound=0.9),), ()).tolist() == [-0.9]


def test_volume_grows_with_a_better_front() -> None:
    point = reference(OBJECTIVES, (), HAND[0].measurements, HAND)
    assert volume(front([], OBJECTIVES), point) == 0.0
    volumes = [volume(front(HAND[:n], OBJECTIVES), point) for n in range(1, 5)]
    assert volumes == sorted(volumes)
    assert 0 < volumes[1] < volumes[3]


def test_a_front_shows_itself() -> None:
    f = front([trial(1, 0.9, 1, 10, student={"use": "<b>", "w": 1}, spread=0.01)], OBJECTIVES)
    assert repr(f) == "<Front of 1 models over accuracy (maximize), latency_p50 (minimize), size (minimize)>"
    table = f.to_pandas()
    assert table.loc[0, ["trial", "accuracy", "accuracy_spread", "size_how", "recipe"]].tolist() == [
        1, 0.9, 0.01, "measured", "<b>(w 1)",
    ]  # fmt: skip
    assert len(front([], OBJECTIVES).to_pandas()) == 0


def test_a_trial_survives_the_trip_through_json() -> None:
    t = trial(1, 0.9, 1, 10, violations={"size": -0.1}, artifacts={"model": "ab"})
    assert t.recipe.keys  # cached on the recipe; not part of its data
    assert Trial.model_validate(json.loads(t.model_dump_json())) == t
    assert Trial.model_validate(t.model_dump()) == t
