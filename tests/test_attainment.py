"""Attainment: how many runs reach a goal. The oracle is moocore."""

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocompress.values.attainment import Lead, lead, median
from autocompress.values.front import Front, front, reference
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.trial import Trial

PAIR = (Objective(metric="accuracy", direction="maximize"), Objective(metric="size", direction="minimize"))
POINT = reference(
    PAIR, (Limit(metric="size", side="max", bound=100), Limit(metric="accuracy", side="min", bound=0.1)), ()
)

Goals = list[tuple[float, float]]


def run(goals: Goals) -> Front:
    """The front of a study that reached these."""
    trials = [
        Trial(
            number=i,
            recipe=Recipe.of({"student": i}),
            state="complete",
            measurements=(
                Measurement(metric="accuracy", value=accuracy, how="measured"),
                Measurement(metric="size", value=size, how="measured"),
            ),
        )
        for i, (accuracy, size) in enumerate(goals)
    ]
    return front(trials, PAIR)


RUN = st.lists(
    st.tuples(st.integers(1, 9).map(lambda x: x / 10), st.integers(1, 9).map(lambda x: 10.0 * x)), max_size=6
)
RUNS = st.lists(RUN, min_size=1, max_size=5)


def reached(runs: list[Goals], goal: tuple[float, float]) -> int:
    """Written here once more, by what the word means."""
    return sum(any(a >= goal[0] and s <= goal[1] for a, s in one) for one in runs)


@given(RUNS)
@settings(deadline=None, max_examples=60)
def test_the_median_is_the_oracles(runs: list[Goals]) -> None:
    found = median([run(r) for r in runs], PAIR)
    rows = [(-a, s, i) for i, one in enumerate(runs) for a, s in one]
    if not rows or sum(map(bool, runs)) * 2 < len(runs):
        assert found == ()
    elif all(runs):  # moocore has no runs that reached nothing
        data = np.array(rows, dtype=float)
        wanted = moocore.eaf(data[:, :2], data[:, 2].astype(int), percentiles=[50])
        assert sorted((-a, s) for a, s in found) == sorted(map(tuple, wanted[:, :2].tolist()))
    assert all(2 * reached(runs, goal) >= len(runs) for goal in found)


@given(RUNS, RUNS)
@settings(deadline=None, max_examples=60)
def test_a_lead_is_the_largest_there_is_and_counts_right(ours: list[Goals], theirs: list[Goals]) -> None:
    found = lead([run(r) for r in ours], [run(r) for r in theirs], PAIR, POINT)
    goals = [(a, s) for a in {a for r in ours + theirs for a, _ in r} for s in {s for r in ours + theirs for _, s in r}]
    gaps = [reached(ours, g) / len(ours) - reached(theirs, g) / len(theirs) for g in goals if g[0] > 0.1 and g[1] < 100]
    if found is None:
        assert max(gaps, default=0) <= 0
    else:
        assert (found.ours, found.theirs) == (reached(ours, found.goal), reached(theirs, found.goal))
        assert found.ours / len(ours) - found.theirs / len(theirs) == pytest.approx(max(gaps))


@given(RUNS)
@settings(deadline=None, max_examples=20)
def test_nobody_is_ahead_of_itself(runs: list[Goals]) -> None:
    fronts = [run(r) for r in runs]
    assert lead(fronts, fronts, PAIR, POINT) is None
    assert lead(fronts, fronts * 2, PAIR, POINT) is None, "shares are compared, not numbers of runs"


def test_of_equal_leads_the_widest_by_its_hardest_goal() -> None:
    ours, nothing = [run([(0.9, 50), (0.5, 10)])] * 3, run([])
    theirs = [run([(0.9, 50)])] * 2 + [nothing]
    assert lead(ours, theirs, PAIR, POINT) == Lead((0.5, 10.0), 3, 0), "0.5 with 10 B is reached by us alone"
    # All of ours are leads now: up to 0.5 from 10 B to 50 B, and from 50 B on up to 0.5 and from there to 0.9.
    assert lead(ours, [nothing], PAIR, POINT) == Lead((0.5, 10.0), 3, 0), "0.4 x log 5 is the widest"
    tall = [run([(0.9, 30), (0.2, 20)])]  # 0.1 x log 1.5, 0.1 x log 3.3, 0.7 x log 3.3
    assert lead(tall, [nothing], PAIR, POINT) == Lead((0.9, 30.0), 1, 0)


def test_what_lies_beyond_the_reference_is_nobodys_lead() -> None:
    assert lead([run([(0.9, 100)])], [run([])], PAIR, POINT) is None
    assert lead([run([(0.1, 50)])], [run([])], PAIR, POINT) is None
    assert lead([run([(0.9, 99)])], [run([])], PAIR, POINT) == Lead((0.9, 99.0), 1, 0)


def test_half_of_four_runs_is_two() -> None:
    runs = [run([(0.9, 10)]), run([(0.9, 10)]), run([(0.5, 20)]), run([])]
    assert median(runs, PAIR) == ((0.9, 10.0),)
    assert median(runs[1:], PAIR) == ((0.5, 20.0),)
    assert median(runs[2:3] + runs[3:] * 2, PAIR) == ()
