"""Against an oracle: moocore computes the same volumes and the same fronts, by other algorithms."""

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autocompress.values import hypervolume as module
from autocompress.values.hypervolume import Points, hypervolume, nondominated

COARSE = st.integers(0, 6).map(float)  # ties, duplicates, and points on and beyond the reference at 5
FINE = st.floats(-3, 9, allow_subnormal=False).map(lambda x: round(x, 6))


@st.composite
def points(draw: st.DrawFn) -> Points:
    shape = (draw(st.integers(0, 25)), draw(st.integers(2, 4)))
    return draw(arrays(np.float64, shape, elements=draw(st.sampled_from([COARSE, FINE]))))


@given(points())
@settings(max_examples=300, deadline=None)
def test_volume_is_the_oracles(given_points: Points) -> None:
    reference = np.full(given_points.shape[1], 5.0)
    wanted = moocore.hypervolume(given_points, ref=reference) if len(given_points) else 0.0
    assert hypervolume(given_points, reference) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(points())
@settings(max_examples=300, deadline=None)
def test_nobody_beats_these_and_everyone_else_is_beaten(given_points: Points) -> None:
    if len(given_points):
        wanted = moocore.is_nondominated(given_points, keep_weakly=True)
        assert nondominated(given_points).tolist() == wanted.tolist()


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_a_large_front_is_the_oracles(objectives: int) -> None:
    """On a sphere nobody beats anybody."""
    x = np.abs(np.random.default_rng(7).normal(size=(60, objectives)))
    sphere = 1 - x / np.linalg.norm(x, axis=1, keepdims=True)
    reference = np.full(objectives, 1.1)
    assert nondominated(sphere).all()
    assert hypervolume(sphere, reference) == pytest.approx(moocore.hypervolume(sphere, ref=reference), rel=1e-9)


def test_one_objective_is_a_length() -> None:
    assert hypervolume(np.array([[3.0], [1.0], [9.0]]), np.array([5.0])) == 4.0
    assert nondominated(np.array([[3.0], [1.0], [1.0]])).tolist() == [False, True, True]


def test_nothing_below_the_reference_covers_nothing() -> None:
    assert hypervolume(np.zeros((0, 3)), np.ones(3)) == 0.0
    assert hypervolume(np.array([[0.0, 1.0]]), np.ones(2)) == 0.0
    assert hypervolume(np.array([[0.0, 2.0], [2.0, 0.0]]), np.ones(2)) == 0.0


def test_more_points_than_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    many = np.random.default_rng(0).integers(0, 9, size=(40, 3)).astype(float)
    whole = nondominated(many)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert nondominated(many).tolist() == whole.tolist()
    assert 0 < whole.sum() < 40
