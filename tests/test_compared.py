"""Studies held against each other: one reference, who beats whom beyond noise, what differs."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rivals import LIMITS, OBJECTIVES, Model, rival

from autocompress.values.compared import Beat, Beaten, Comparison, compared
from autocompress.values.device import Device, Protocol, Runtime
from autocompress.values.domination import MAYBE, NOT, SURELY, beaten
from autocompress.values.entrant import Entrant
from autocompress.values.front import front
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.shaken import shaken
from autocompress.values.study import Budget

MODELS = st.lists(
    st.tuples(st.integers(55, 99).map(lambda x: x / 100), st.integers(1, 30).map(lambda x: x / 20)), max_size=8
)
NOISE = st.sampled_from([None, 0.001, 0.02, 0.2])


@st.composite
def studies(draw: st.DrawFn) -> list[Entrant]:
    return [rival(f"s{i}", draw(MODELS), draw(NOISE)) for i in range(draw(st.integers(2, 3)))]


# --- properties ------------------------------------------------------------------------------------------------------


@given(studies())
@settings(deadline=None, max_examples=30)
def test_who_beats_somebody_is_not_beaten_by_it(given_studies: list[Entrant]) -> None:
    fronts = [front(e.trials, OBJECTIVES, LIMITS) for e in given_studies]
    for a in fronts:
        assert not beaten(a.members, a.members, OBJECTIVES).any()
        for b in fronts:
            ours, theirs = beaten(a.members, b.members, OBJECTIVES), beaten(b.members, a.members, OBJECTIVES)
            assert not ((ours != NOT) & (theirs.T != NOT)).any()


@given(studies())
@settings(deadline=None, max_examples=30)
def test_what_nobody_beats_is_the_front_of_all_together(given_studies: list[Entrant]) -> None:
    found = compared(given_studies)
    joint = [(m.trial.value("accuracy"), m.trial.value("latency_p50")) for m in found.members if m.joint]
    every = [(a, ms / 1e3) for e in given_studies for a, ms in _models(e)]
    best = {p for p in every if not any(q[0] >= p[0] and q[1] <= p[1] and q != p for q in every)}
    assert set(joint) == best
    assert sum(s.joint for s in found.sides) == len(joint)
    for i, row in enumerate(found.beaten):
        for j, b in enumerate(row):
            mine = [m for m in found.members if m.study == i]
            assert b.of == len(mine)
            assert b.surely + b.maybe == sum(any(x.study == j for x in m.beaten_by) for m in mine)
            assert b.surely == sum(any(x.study == j and x.surely for x in m.beaten_by) for m in mine)


def _models(e: Entrant) -> list[Model]:
    return [(t.value("accuracy"), t.value("latency_p50") * 1e3) for t in e.trials]


@given(MODELS.filter(bool), NOISE)
@settings(deadline=None, max_examples=25)
def test_against_itself_nothing_differs(models: list[Model], noise: float | None) -> None:
    found = compared([rival("a", models, noise)] * 2)
    assert [s.volume for s in found.sides] == [found.sides[0].volume] * 2
    assert found.sides[1].ratio in (1.0, None)
    assert (found.sides[1].ratio is None) == (found.sides[0].volume.value == 0)
    assert all(b.surely == b.maybe == 0 for row in found.beaten for b in row)
    assert all(m.joint for m in found.members)
    assert found.sides[1].changed == ()
    assert found.cautions == ()


@given(MODELS, st.sampled_from([None, 1e-4, 0.02, 0.2]))
@settings(deadline=None, max_examples=25)
def test_the_interval_holds_the_hypervolume(models: list[Model], noise: float | None) -> None:
    f = front(rival("a", models, noise).trials, OBJECTIVES)
    found = shaken(f, np.array([-0.5, math.log(1e-3)]))
    assert 0 <= found.low <= found.value <= found.high
    assert found == shaken(f, np.array([-0.5, math.log(1e-3)])), "the same draws every time"
    if noise is None:
        assert found.low == found.value == found.high


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_the_interval_is_as_wide_as_the_noise_says() -> None:
    """One model: hypervolume is a product of two normal numbers."""
    f = front(rival("a", [(0.9, 0.5)], noise=0.01).trials, OBJECTIVES)
    found = shaken(f, np.array([-0.5, math.log(1e-3)]))
    assert found.value == pytest.approx(0.4 * math.log(2))
    for end, sign in ((found.low, -1), (found.high, 1)):
        assert end == pytest.approx(found.value + sign * 1.96 * 0.01 * math.log(2), abs=0.003)


@pytest.mark.parametrize(
    ("theirs", "noise", "verdict"),
    [
        ((0.91, 0.4), None, SURELY),
        ((0.90, 0.4), None, SURELY),  # as accurate, and nothing could be off
        ((0.90, 0.5), None, NOT),  # equals
        ((0.89, 0.4), None, NOT),
        ((0.93, 0.4), 0.01, SURELY),  # 3 points are 2.1 standard errors of the difference
        ((0.92, 0.4), 0.01, MAYBE),
        ((0.90, 0.4), 0.01, MAYBE),  # equally accurate, as far as one can see
        ((0.93, 0.5), 0.01, MAYBE),  # equally fast, as far as one can see
        ((0.89, 0.1), 0.01, NOT),
    ],
)
def test_beaten_beyond_noise_or_perhaps_only_by_it(theirs: Model, noise: float | None, verdict: int) -> None:
    a, b = rival("a", [(0.90, 0.5)], noise), rival("b", [theirs], noise)
    assert beaten(a.trials, b.trials, OBJECTIVES).tolist() == [[verdict]]


def three() -> Comparison:
    a = rival("a", [(0.95, 0.5), (0.80, 0.2)], noise=0.01, baseline=_base(0.97, 4))
    b = rival("b", [(0.96, 0.4), (0.70, 0.1)], noise=0.01, baseline=_base(0.99, 2))
    c = rival("c", [(0.96, 0.45), (0.70, 0.25)], noise=0.01, seed=3, baseline=_base(0.99, 2))
    return compared([a, b, c])


def _base(accuracy: float, ms: float) -> tuple[Measurement, ...]:
    return (
        Measurement(metric="accuracy", value=accuracy, how="measured"),
        Measurement(metric="latency_p50", value=ms / 1e3, how="measured"),
    )


def test_a_table_by_hand() -> None:
    found = three()
    assert found.bounds == (0.5, 1e-3)
    assert [[(b.surely, b.maybe, b.of) for b in row] for row in found.beaten] == [
        [(0, 0, 2), (0, 1, 2), (0, 1, 2)],  # 95 % in 0.5 ms is beaten by both, within noise
        [(0, 0, 2), (0, 0, 2), (0, 0, 2)],
        [(1, 0, 2), (0, 2, 2), (0, 0, 2)],  # 70 % in 0.25 ms surely by 80 % in 0.2 ms, perhaps by 70 % in 0.1 ms
    ]
    assert found.members[0].beaten_by == (Beat(1, 0, False), Beat(2, 0, False))
    assert found.members[5].beaten_by == (Beat(0, 1, True), Beat(1, 1, False))
    assert [s.joint for s in found.sides] == [1, 2, 0]
    first, second, _ = (s.volume.value for s in found.sides)
    assert first == pytest.approx(0.45 * math.log(2) + 0.3 * math.log(2.5))
    assert second == pytest.approx(0.46 * math.log(2.5) + 0.2 * math.log(4))
    assert found.sides[1].ratio == pytest.approx(second / first)
    assert [s.changed for s in found.sides] == [(), (), ("seed: 0 -> 3",)]


def test_one_reference_for_all_is_the_worst_that_any_would_take() -> None:
    loose = (Limit(metric="latency_p50", side="max", bound=8e-3), LIMITS[0])
    found = compared([rival("a", [(0.9, 0.5)]), rival("b", [(0.9, 0.5)], limits=loose)])
    assert found.bounds == (0.5, 8e-3)
    assert found.sides[0].volume == found.sides[1].volume
    relative = (Limit(metric="accuracy", side="min", below_baseline=0.1),)
    a = rival("a", [(0.97, 0.5)], limits=relative, baseline=_base(0.95, 2))
    b = rival("b", [(0.97, 0.5)], limits=relative, baseline=_base(0.99, 3))
    assert compared([a, b]).bounds == (0.85, 3e-3)
    nothing = rival("c", [], limits=())
    assert compared([rival("a", [(0.9, 0.5)], limits=()), nothing]).bounds == (0.0, pytest.approx(5e-4))


def test_only_what_all_want_is_compared() -> None:
    size = Objective(metric="size", direction="minimize")
    other = rival("b", [(0.9, 0.5)], objectives=(OBJECTIVES[1], size, OBJECTIVES[0]))
    b = Entrant(other.spec, tuple(_with_size(t) for t in other.trials))
    assert compared([rival("a", [(0.9, 0.5)]), b]).objectives == OBJECTIVES
    assert compared([b, rival("a", [(0.9, 0.5)])]).objectives == OBJECTIVES[::-1]
    for objectives, share in (
        ((OBJECTIVES[0], size), "only accuracy"),
        ((size,), "none"),
        ((Objective(metric="accuracy", direction="minimize"), size), "none"),
    ):
        with pytest.raises(ValueError, match=r"^a comparison needs two objectives that all studies share") as error:
            compared([rival("a", []), rival("b", [], objectives=objectives)])
        assert f"and these share {share} (a: accuracy (maximize), latency_p50 (minimize); b: " in str(error.value)
    with pytest.raises(ValueError, match=r"^name at least two studies$"):
        compared([rival("a", [])])


def _with_size(t: Any) -> Any:
    return t.model_copy(update={"measurements": (*t.measurements, Measurement(metric="size", value=9, how="counted"))})


def test_a_study_where_nothing_fits_is_compared_all_the_same() -> None:
    found = compared([rival("a", [(0.3, 0.5)]), rival("b", [(0.9, 0.5)])])
    hopeless = found.sides[0].entrant.trials[0].model_copy(update={"violations": {"accuracy": 0.5}})
    found = compared([Entrant(found.sides[0].entrant.spec, (hopeless,)), found.sides[1].entrant])
    assert (found.sides[0].volume.value, found.sides[0].joint, found.sides[1].ratio) == (0.0, 0, None)
    assert found.beaten[0][1] == Beaten(0, 0, 0)


# --- what to know ----------------------------------------------------------------------------------------------------


def _on(name: str, **more: Any) -> Device:
    return Device(**{"id": name, "name": name.upper(), "kind": "cpu", **more})


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({}, {}, ()),
        ({}, {"life": "running"}, ("b is running: its front may still grow",)),
        ({"processor": "X"}, {"processor": "X", "device": _on("d")}, ()),
        (
            {"processor": "X"},
            {"processor": "Y", "device": _on("d")},
            ("latency (median) is not comparable, the devices differ (a: X; b: Y)",),
        ),
        (
            {"processor": "X", "device": _on("d")},
            {"processor": "X", "device": _on("e", measurement="estimate")},
            ("latency (median) is not comparable, the devices differ (a: X; b: E)",),
        ),
        (
            {"processor": "X", "device": _on("d")},
            {
                "processor": "X",
                "device": _on("e", runtimes=(Runtime(threads=4),), protocol=Protocol(batch=8)),
            },
            ("latency (median) is not comparable, the devices differ (a: X; b: X, 4 threads, batch 8)",),
        ),
        (
            {"data": {"use": "digits"}},
            {"data": {"use": "torchvision", "name": "cifar10"}},
            ("accuracy is not comparable, the data differ (a: digits; b: torchvision cifar10)",),
        ),
        ({}, {"how": "estimated"}, ("latency (median) is not comparable (a: measured; b: estimated)",)),
        ({}, {"how": "counted"}, ()),
    ],
)
def test_what_is_not_comparable_is_said(first: dict[str, Any], second: dict[str, Any], said: tuple[str, ...]) -> None:
    assert compared([rival("a", [(0.9, 0.5)], **first), rival("b", [(0.8, 0.4)], **second)]).cautions == said


def test_of_another_device_only_the_name_is_told() -> None:
    a, b = rival("a", [], device=_on("d")), rival("b", [], device=_on("e"), budget=Budget(trials=3))
    assert compared([a, b]).sides[1].changed == ("budget.trials: 9 -> 3", "device: d -> e")
    same = rival("b", [], device=_on("d", cores=2))
    assert compared([a, same]).sides[1].changed == ("device.cores: 1 -> 2",)


# --- several seeds ---------------------------------------------------------------------------------------------------


def runs(name: str, *models: list[Model], **more: Any) -> list[Entrant]:
    return [rival(f"{name}-{i}", some, seed=i, **more) for i, some in enumerate(models)]


def test_runs_that_differ_in_seed_alone_are_one_study() -> None:
    ours = runs("ours", [(0.9, 0.5)], [(0.9, 0.5)], [(0.8, 0.5)])
    theirs = runs("theirs", [(0.9, 0.6)], [(0.6, 0.6)], [(0.6, 0.5)], sampler={"use": "random"})
    found = compared([*ours, *theirs])
    assert [(g.repeated.name, g.repeated.runs, g.repeated.seeds) for g in found.groups] == [
        ("ours", (0, 1, 2), (0, 1, 2)),
        ("theirs", (3, 4, 5), (0, 1, 2)),
    ]
    mean, error = found.groups[0].volume
    assert mean == pytest.approx((0.4 + 0.4 + 0.3) / 3 * math.log(2))
    assert error == pytest.approx(math.log(2) * 0.1 / 3)  # stdev of 0.4, 0.4, 0.3 over the root of 3
    assert found.groups[0].median == ((0.9, 5e-4),)
    assert found.groups[1].median == ((0.6, 6e-4),)
    (difference,) = found.attainment
    assert found.no_attainment == ""
    assert difference.ahead is not None
    assert (difference.ahead.goal, difference.ahead.ours, difference.ahead.theirs) == ((0.8, 5e-4), 3, 0)
    assert difference.behind is None


@pytest.mark.parametrize(
    ("entrants", "why"),
    [
        (
            [*runs("a", [], []), rival("b", [], sampler={"use": "random"})],
            "it needs 3 runs of each study, that differ in seed alone: a has 2, b has 1",
        ),
        (
            [*runs("a", [], [], []), rival("b", [], sampler={"use": "random"})],
            "it needs 3 runs of each study, that differ in seed alone: b has 1",
        ),
        (runs("a", [], [], []), "all are runs of one study, a; there is no other to hold them against"),
        (
            [*runs("a", [], []), rival("a-9", []), rival("b", [], sampler={"use": "random"})],
            "it needs 3 runs of each study, that differ in seed alone: a has 2, b has 1",  # a-9 has the seed of a-0
        ),
        (
            [*runs("a", [], []), rival("a-2", [], seed=2, budget=Budget(trials=3))],
            "it needs 3 runs of each study, that differ in seed alone: a has 2, a-2 has 1",
        ),
    ],
)
def test_why_there_is_no_attainment_difference(entrants: list[Entrant], why: str) -> None:
    found = compared(entrants)
    assert (found.attainment, found.no_attainment) == ((), why)


def test_who_does_the_work_makes_no_other_study_and_names_stay_apart() -> None:
    ours = [rival(f"x-{i}", [], seed=i, driver={"use": use}) for i, use in enumerate(("local", "serial", "local"))]
    theirs = [rival(f"x-{i + 3}", [], seed=i, sampler={"use": "random"}) for i in range(3)]
    assert [g.repeated.name for g in compared([*ours, *theirs]).groups] == ["x-0", "x-3"]
    assert compared([*ours, *theirs]).groups[1].repeated.runs == (3, 4, 5)
