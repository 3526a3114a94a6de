"""Soft limits refuse nobody: searches keep away from those who break them, rules prefer who keeps them, tables tell."""

import math
from dataclasses import replace
from typing import Any

import pytest
from fakes import OBJECTIVES, spec
from hypothesis import given
from hypothesis import strategies as st
from test_front import trial
from views import view
from worlds import lived

from autocompress.reports.grid import front_grid
from autocompress.study.taught import costs, values
from autocompress.values.front import Front, front
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.soft import MOST, as_seen, breaches, penalty, worse
from autocompress.values.study import Budget

SIZE = Limit(metric="size", side="max", bound=20, hard=False)


def m(metric: str, value: float) -> dict[str, Measurement]:
    return {metric: Measurement(metric=metric, value=value, how="measured")}


@pytest.mark.parametrize(
    ("limit", "value", "by"),
    [
        (SIZE, 20, None),
        (SIZE, 23, "15 % over"),
        (SIZE, 50, "2.5 times the limit"),
        (SIZE.model_copy(update={"hard": True}), 50, None),
        (SIZE.model_copy(update={"margin": 0.25}), 20, "25 % over"),
        (Limit(metric="accuracy", side="min", bound=0.9, hard=False), 0.882, "1.8 points short"),
        (Limit(metric="accuracy", side="min", bound=0.5, hard=False, margin=0.1), 0.53, "2 points short"),
        (Limit(metric="throughput", side="min", bound=100, hard=False), 80, "20 % short"),
        (Limit(metric="accuracy", side="min", below_baseline=0.01, hard=False), 0.1, None),  # not known yet of what
    ],
)
def test_it_says_by_how_much_it_is_broken(limit: Limit, value: float, by: str | None) -> None:
    found = breaches(m(limit.metric, value), [limit])
    assert [one.by for one in found] == ([by] if by else [])


def test_what_is_broken_is_said_with_its_number() -> None:
    (one,) = breaches(m("size", 23), [SIZE])
    assert str(one) == "size ≤ 20 B (soft) by 23 B, 15 % over"
    assert breaches({}, [SIZE]) == ()


def test_the_penalty_is_the_sum_of_the_shares_times_the_weights() -> None:
    heavy = SIZE.model_copy(update={"weight": 3})
    other = Limit(metric="latency_p50", side="max", bound=1, hard=False, weight=0.5)
    assert penalty(m("size", 22) | m("latency_p50", 1.5), [heavy, other]) == pytest.approx(3 * 0.1 + 0.5 * 0.5)
    assert penalty(m("size", 20_000), [heavy]) == MOST, "one hopeless model must not make all others look alike"


@pytest.mark.parametrize(
    ("metric", "direction", "value", "seen"),
    [
        ("size", "minimize", 100, 120),
        ("throughput", "maximize", 120, 100),
        ("accuracy", "maximize", 0.9, 0.88),  # 20 % more mistakes
        ("nll", "minimize", 2.0, 2.4),
        ("somebody's", "minimize", -1.0, -0.8),
        ("somebody's", "maximize", -1.0, -1.0 - 0.2 / 1.2),
    ],
)
def test_everything_seems_that_much_worse(metric: str, direction: Any, value: float, seen: float) -> None:
    assert worse(Objective(metric=metric, direction=direction), value, 0.2) == pytest.approx(seen)


@given(st.sampled_from(OBJECTIVES), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(1e-3, MOST))
def test_who_breaks_them_alike_is_ordered_as_before(o: Objective, a: float, b: float, by: float) -> None:
    """So a soft limit that nobody can keep leaves the search as it is."""
    assert o.cost(worse(o, a, by)) > o.cost(a)
    if a > b + 1e-3:
        assert (o.cost(a) > o.cost(b)) == (o.cost(worse(o, a, by)) > o.cost(worse(o, b, by)))


# --- whoever searches ------------------------------------------------------------------------------------------------


def test_samplers_are_told_worse_numbers_of_who_breaks_one() -> None:
    t = trial(0, 0.9, 2, 30)
    assert values(t, OBJECTIVES, [SIZE]) == pytest.approx([0.85, math.log(3), math.log(45)])
    assert costs(by_metric(t.measurements), OBJECTIVES, [SIZE]) == pytest.approx([-0.85, math.log(3), math.log(45)])
    assert values(trial(0, 0.9, 2, 20), OBJECTIVES, [SIZE]) == pytest.approx([0.9, math.log(2), math.log(20)])
    assert costs(m("size", 30), OBJECTIVES, [SIZE]) == [None, None, pytest.approx(math.log(45))]


@pytest.mark.parametrize(("sampler", "seed"), [("ehvi", 1), ("tpe", 0)])
def test_searches_keep_away_from_who_breaks_one_and_refuse_nobody(tmp_path: Any, sampler: str, seed: int) -> None:
    def kept(weight: float) -> float:
        soft = Limit(metric="size", side="max", bound=2000, hard=False, weight=weight)
        aims, budget = OBJECTIVES[:2], Budget(trials=25, variants=0)
        settings = {"objectives": aims, "limits": (soft,), "sampler": {"use": sampler}, "budget": budget, "seed": seed}
        loop, store = lived(spec(**settings, schedule={"use": "flat"}), tmp_path / f"{weight}")
        assert loop.counts.refused == 0
        assert all(not f.constraints for f in store.history())
        asked = [t for t in loop.complete if t.origin == "asked"][10:]
        return sum(t.value("size") <= 2000 for t in asked) / len(asked)

    assert kept(1) > kept(0) + 0.15


# --- whoever picks ---------------------------------------------------------------------------------------------------

HAND = [trial(0, 0.95, 4, 40), trial(1, 0.94, 2, 24), trial(2, 0.92, 1, 35), trial(3, 0.80, 3, 10)]


def of(*limits: Limit) -> Front:
    return front(HAND, OBJECTIVES, limits)


@pytest.mark.parametrize(("weight", "number"), [(0, 0), (0.1, 0), (1, 1), (20, 3)])
def test_weight_decides_how_much_the_best_accuracy_may_break(weight: float, number: int) -> None:
    assert of(SIZE.model_copy(update={"weight": weight})).pick().trial.number == number


def test_every_rule_counts_them_and_says_so() -> None:
    picks = of(SIZE.model_copy(update={"weight": 3})).picks()
    assert {rule: p.trial.number for rule, p in picks.items()} == {
        "accuracy-first": 1,
        "balanced": 1,
        "fastest": 3,
        "smallest": 3,
    }
    assert picks["fastest"].reason == (
        "soft limits counted, fastest of the 4 models on the front: 3.00 s; without them it would be trial 2"
    )
    assert picks["accuracy-first"].reason == (
        "soft limits counted, best accuracy of the 4 models on the front; no other is within noise of it; "
        "without them it would be trial 0; it breaks size ≤ 20 B (soft) by 24 B, 20 % over"
    )
    assert picks["smallest"].reason == "smallest of the 4 models on the front: 10 B"


def test_numbers_stay_what_they_are() -> None:
    f = of(SIZE)
    assert [t.measurements for t in f.members] == [t.measurements for t in HAND]
    assert as_seen(HAND[3], OBJECTIVES, [SIZE]) is HAND[3]
    alone = front(HAND[:1], OBJECTIVES, [SIZE]).pick()
    assert alone.reason == "the only model on the front; it breaks size ≤ 20 B (soft) by 40 B, 2.0 times the limit"


def test_tables_say_by_how_much() -> None:
    given = view()
    worst = max(given.front.members, key=lambda t: t.value("size"))
    soft = Limit(metric="size", side="max", bound=worst.value("size") / 1.25, hard=False)
    plain = {row.number: row for row in front_grid(given, ["size"]).rows}
    told = front_grid(replace(given, front=replace(given.front, limits=(soft,))), ["size"])
    found = {row.number: row.cells[1] for row in told.rows}
    assert found[worst.number] == f"{plain[worst.number].cells[1]} (25 % over)"
    assert found[None] == plain[None].cells[1], "the baseline has promised nothing"
