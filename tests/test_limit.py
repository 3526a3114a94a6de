"""A limit is broken by a known amount, whatever the unit; an objective becomes a cost."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.values.limit import Limit, Objective, violations
from autocompress.values.measurement import Measurement

POSITIVE = st.floats(1e-6, 1e9)


def m(metric: str, value: float) -> Measurement:
    return Measurement(metric=metric, value=value, how="measured")


@given(POSITIVE, POSITIVE)
def test_the_sign_says_whether_it_is_broken(value: float, bound: float) -> None:
    most, least = Limit(metric="size", side="max", bound=bound), Limit(metric="size", side="min", bound=bound)
    assert (most.violation(value) > 0) == (value / bound > 1)
    assert least.violation(value) == -most.violation(value)
    assert most.violation(bound) == 0


@given(POSITIVE, POSITIVE, st.sampled_from([1e-9, 1e-3, 1e3, 1e6]))
def test_the_amount_does_not_depend_on_the_unit(value: float, bound: float, unit: float) -> None:
    one = Limit(metric="x", side="max", bound=bound).violation(value)
    other = Limit(metric="x", side="max", bound=bound * unit).violation(value * unit)
    assert other == pytest.approx(one, abs=1e-9)


def test_the_amount_is_a_log_ratio_and_always_finite() -> None:
    assert Limit(metric="size", side="max", bound=100).violation(200) == pytest.approx(math.log(2))
    assert Limit(metric="accuracy", side="min", bound=0.9).violation(0.45) == pytest.approx(math.log(2))
    assert Limit(metric="accuracy", side="min", bound=0.9).violation(0.0) == pytest.approx(12 * math.log(10))
    assert Limit(metric="size", side="max", bound=9).violation(-1.0) < 0


def test_a_limit_below_the_baseline_is_resolved_by_it() -> None:
    limit = Limit(metric="accuracy", side="min", below_baseline=0.01)
    resolved = limit.resolved({"accuracy": m("accuracy", 0.97)})
    assert resolved.bound == pytest.approx(0.96)
    assert resolved.below_baseline is None
    assert resolved.resolved({}) is resolved
    with pytest.raises(ValueError, match=r"^the limit on accuracy is relative to a baseline, and none was measured$"):
        limit.resolved({})
    assert limit.resolved({"accuracy": m("accuracy", 0.001)}).bound == 1e-9  # never a bound that cannot be divided by


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit(metric="size", side="max", bound=256 * 1024), "size ≤ 256.0 KiB"),
        (Limit(metric="accuracy", side="min", bound=0.93), "accuracy ≥ 93.00 %"),
        (Limit(metric="accuracy", side="min", below_baseline=0.015), "accuracy ≥ baseline − 1.5 pp"),
        (Limit(metric="latency_p50", side="max", below_baseline=0.002), "latency_p50 ≤ baseline − 2.00 ms"),
    ],
)
def test_it_says_what_it_demands(limit: Limit, text: str) -> None:
    assert str(limit) == text


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"bound": 1, "below_baseline": 0.1},
        {"bound": 0},
        {"bound": math.inf},
        {"bound": math.nan},
        {"below_baseline": -1},
    ],
)
def test_a_limit_has_one_bound_that_makes_sense(wrong: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Limit(metric="size", side="max", **wrong)


def test_of_two_limits_on_a_metric_the_worse_broken_counts() -> None:
    device, study = Limit(metric="size", side="max", bound=100), Limit(metric="size", side="max", bound=400)
    for limits in ((device, study), (study, device)):
        assert violations({"size": m("size", 200)}, limits) == {"size": pytest.approx(math.log(2))}


def test_soft_limits_and_unknown_metrics_refuse_nothing() -> None:
    soft = Limit(metric="size", side="max", bound=1, hard=False)
    assert violations({"size": m("size", 200)}, (soft, Limit(metric="macs", side="max", bound=1))) == {}


def test_with_a_margin_a_value_must_fit_even_if_it_is_worse_than_told():
    most = Limit(metric="peak_ram", side="max", bound=100, margin=0.25)
    assert most.violation(80) == pytest.approx(0)
    assert most.violation(100) == pytest.approx(math.log(1.25))
    least = Limit(metric="throughput", side="min", bound=100, margin=0.25)
    assert least.violation(125) == pytest.approx(0)
    assert str(most) == "peak_ram ≤ 100 B with 25 % to spare"
    relative = Limit(metric="accuracy", side="min", below_baseline=0.01, margin=0.1)
    assert relative.resolved({"accuracy": m("accuracy", 0.9)}).margin == 0.1


def test_breaking_a_soft_limit_costs_its_share_times_its_weight():
    soft = Limit(metric="energy", side="max", bound=2, hard=False, weight=3)
    assert soft.penalty(1.9) == 0
    assert soft.penalty(3) == pytest.approx(3 * (3 / 2 - 1))
    assert soft.model_copy(update={"margin": 1.0}).penalty(2) == pytest.approx(3)


def test_costs_are_minimised_and_logarithmic_where_the_metric_is() -> None:
    accuracy = Objective(metric="accuracy", direction="maximize")
    latency = Objective(metric="latency_p50", direction="minimize")
    assert (accuracy.seen(0.9), accuracy.cost(0.9), accuracy.signed(0.9)) == (0.9, -0.9, -0.9)
    assert latency.cost(0.01) == latency.seen(0.01) == pytest.approx(math.log(0.01))
    assert latency.signed(0.01) == 0.01
    assert Objective(metric="latency_p50", direction="minimize", scale="linear").cost(2.0) == 2.0
    assert math.isfinite(latency.cost(0.0))
