"""The front as a picture of letters: golden pictures, round numbers, and nothing lost at the frame."""

import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from views import ACCURACY, BASE, LATENCY, m, numbers, trial, view

from autocompress.reports.axis import Axis
from autocompress.reports.scatter import ROWS, Picture, scatter
from autocompress.reports.ticks import label, rows
from autocompress.reports.view import StudyView
from autocompress.values.front import front
from autocompress.values.limit import Limit, Objective
from autocompress.values.trial import Trial

SIZE = Objective(metric="size", direction="minimize")


def drawn(given_view: StudyView, width: int) -> str:
    text = scatter(given_view, width)
    assert text is not None
    return text.plain


def cells(picture: str) -> dict[str, list[tuple[int, int]]]:
    """Letter -> where it stands, row 0 at the top, column 0 beside the axis."""
    body = [line.replace("┤", "│").partition("│")[2] for line in picture.splitlines()[1 : ROWS + 1]]
    found: dict[str, list[tuple[int, int]]] = {}
    for r, line in enumerate(body):
        for c, letter in enumerate(line):
            found.setdefault(letter, []).append((r, c))
    return found


def picture_of(*trials: Trial, base: Any = BASE, limits: tuple[Limit, ...] = (), width: int = 60) -> str:
    pair = (ACCURACY, LATENCY)
    return drawn(view(trials, pair, baseline=base, front=front(trials, pair, limits, base)), width)


def test_a_picture_60_columns_wide() -> None:
    assert (
        drawn(view(), 60)
        == """\
accuracy (more is better)
98 % ┤                                                    ■→
     │                                                   ★
     │
     │
     │
96 % ┤
     │
     │
     │  ●
     │
94 % ┤                ·
     │
     │
     │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
     └──┬─────────────┬───────────┬─────────┬────────┬──────
      500 µs       600 µs      700 µs    800 µs   900 µs
                                    latency (less is better)
★ pick   ● on the front   ■ baseline (98.00 %, 2.00 ms)
· beaten   ╌ accuracy ≥ 93 %"""
    )


def test_the_same_narrow_and_over_size() -> None:
    assert (
        drawn(view(objectives=(ACCURACY, SIZE)), 40)
        == """\
accuracy (more is better)
98 % ┤                                ■→
     │                                ★
     │                                ┊
     │                                ┊
     │                                ┊
96 % ┤                                ┊
     │                                ┊
     │                                ┊
     │ ●                              ┊
     │                                ┊
94 % ┤         ·                      ┊
     │                                ┊
     │                                ┊
     │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┼╌
     └─────────┬────────────┬─────────┬─
            60 KiB       80 KiB  100 KiB
              file size (less is better)
★ pick   ● on the front
■ baseline (98.00 %, 340.0 KiB)
· beaten   ┊ file size ≤ 100 KiB
╌ accuracy ≥ 93 %"""
    )


def test_what_is_beyond_the_frame_is_pinned_or_counted() -> None:
    near = [trial(0, "complete", numbers(0.99, 1e-3, 50)), trial(1, "complete", numbers(0.94, 5e-4, 50))]
    for accuracy, latency, arrow in (
        (0.96, 9e-3, "→"),
        (0.96, 1e-5, "←"),
        (1.99, 7e-4, "↑"),
        (0.5, 7e-4, "↓"),
        (1.99, 9e-3, "↗"),
        (0.5, 9e-3, "↘"),
        (1.99, 1e-5, "↖"),
        (0.5, 1e-5, "↙"),
    ):
        found = cells(picture_of(*near, base=numbers(accuracy, latency, 1)))
        (row, column), (where, beside) = found["■"][0], found[arrow][0]
        assert row == where
        assert abs(column - beside) == 1
        assert (row == 0) == (arrow in "↑↗↖")
        assert (row == ROWS - 1) == (arrow in "↓↘↙")
        assert (beside == 53) == (arrow in "→↗↘")
        assert (beside == 0) == (arrow in "←↖↙")
    assert "■ baseline (96.00 %, 9.00 ms)" in picture_of(*near, base=numbers(0.96, 9e-3, 1))
    assert picture_of(*near, base=numbers(0.96, 8e-4, 1)).endswith("■ baseline")
    far = [trial(2, "complete", numbers(0.93, 9e-1, 50)), trial(3, "complete", numbers(0.95, 1.01e-3, 50))]
    assert picture_of(*near, *far, base=()).endswith("· beaten (1 beyond the frame)")
    assert len(cells(picture_of(*near, *far, base=()))["·"]) == 1


def test_limits_are_lines_where_they_are_near() -> None:
    near = [trial(0, "complete", numbers(0.99, 1e-3, 50)), trial(1, "complete", numbers(0.94, 5e-4, 50))]
    both = (Limit(metric="latency_p50", side="max", bound=1.2e-3), Limit(metric="accuracy", side="min", bound=0.93))
    text = picture_of(*near, base=(), limits=both)
    found = cells(text)
    (crossing,) = found["┼"]
    assert {r for r, _ in found["╌"]} == {crossing[0]}
    assert {c for _, c in found["┊"]} == {crossing[1]}
    assert len(found["╌"]) == 53
    assert len(found["┊"]) == ROWS - 1
    assert text.endswith("★ pick   ● on the front   ┊ latency ≤ 1.2 ms\n╌ accuracy ≥ 93 %")
    far = (Limit(metric="latency_p50", side="max", bound=1.0), Limit(metric="size", side="max", bound=1e9))
    text = picture_of(*near, base=(), limits=far)
    assert not set("┊╌┼") & set(text)
    on = picture_of(*near, base=(), limits=(Limit(metric="latency_p50", side="max", bound=1e-3),))
    assert len(cells(on)["★"]) == 1, "a model on its limit stays visible"


def test_the_pick_is_seen_where_others_stand() -> None:
    same = [trial(0, "complete", numbers(0.95, 1e-3, 50)), trial(1, "complete", numbers(0.95, 1e-3, 50))]
    found = cells(picture_of(*same, base=numbers(0.95, 1e-3, 1)))
    assert len(found["★"]) == 1
    assert not {"●", "■"} & set(found)


def test_estimates_are_marked() -> None:
    given_trial = trial(0, "complete", (*numbers(0.97, 1, 90)[::2], m("latency_p50", 1e-4, how="estimated")))
    assert picture_of(given_trial, base=()).endswith("★ pick   ≈ estimated")


def test_nothing_to_draw() -> None:
    assert scatter(view(trials=()), 80) is None
    assert scatter(view(objectives=(ACCURACY,)), 80) is None
    assert scatter(view(), 29) is None
    assert scatter(view(), 30) is not None


def test_other_seeds_of_a_member_are_not_beaten_by_it() -> None:
    first = trial(0, "complete", numbers(0.95, 1e-3, 50))
    again = first.model_copy(update={"number": 1, "seed": 1, "origin": "replica"})
    assert "beaten" not in picture_of(first, again, base=())


# --- properties ------------------------------------------------------------------------------------------------------

VALUES = st.lists(st.tuples(st.floats(0.93, 0.999), st.floats(1e-7, 10), st.floats(0.01, 100)), min_size=1, max_size=12)


@given(VALUES, st.integers(34, 140), st.sampled_from([LATENCY, SIZE]))
@settings(deadline=None, max_examples=30)
def test_every_member_is_in_the_picture(values: list[tuple[float, float, float]], width: int, other: Objective) -> None:
    given_trials = tuple(trial(i, "complete", numbers(*v)) for i, v in enumerate(values))
    pair = (ACCURACY, other)
    found = view(given_trials, pair, front=front(given_trials, pair, (), BASE))
    picture = drawn(found, width)
    lines = picture.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[ROWS + 1].lstrip()[0] == "└"
    labels = re.split(r"\s{2,}", lines[ROWS + 2].strip()) if lines[ROWS + 2].strip() else []
    assert len(labels) == lines[ROWS + 1].count("┬"), "labels do not touch"
    marks = cells(picture)
    assert len(marks["★"]) == 1
    assert len(marks.get("●", ())) <= len(found.front) - 1
    pick = found.pick
    assert pick
    above = [r for r, _ in marks.get("●", ())]
    better = [t for t in found.front.members if t.value("accuracy") > pick.trial.value("accuracy")]
    assert sum(r < marks["★"][0][0] for r in above) <= len(better)


@given(st.floats(1e-9, 1e9), st.floats(1.001, 1e6), st.sampled_from(["latency_p50", "size", "macs", "energy"]))
@settings(deadline=None, max_examples=100)
def test_logarithmic_ticks_are_inside_and_round(low: float, ratio: float, metric: str) -> None:
    axis = Axis(Objective(metric=metric, direction="minimize"), low, low * ratio, 80)
    found = axis.ticks(5, lambda axis, row: len(row) <= 20)
    assert all(low * (1 - 1e-9) <= x <= low * ratio * (1 + 1e-9) for x in found)
    assert len(found) >= 2
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("metric", "low", "high", "log", "dense", "sparse"),
    [
        ("latency_p50", 8e-6, 5.5e-5, True, ["8 µs", "10 µs", "20 µs", "30 µs", "50 µs"], ["10 µs"]),
        ("size", 3000, 40000, True, ["4 KiB", "8 KiB", "16 KiB", "32 KiB"], ["32 KiB"]),
        ("latency_p50", 1.1e-5, 1.95e-5, True, ["15 µs"], []),
        ("accuracy", 0.9025, 0.9771, False, ["92 %", "94 %", "96 %"], ["95 %"]),
    ],
)
def test_round_numbers(metric: str, low: float, high: float, log: bool, dense: list[str], sparse: list[str]) -> None:
    found = [[label(metric, x) for x in row] for row in rows(metric, low, high, log)]
    assert dense in found
    assert sparse in found


def test_labels_have_no_empty_digits() -> None:
    assert [label("latency_p50", x) for x in (1e-5, 1.5e-3, 0.1, 8e-7)] == ["10 µs", "1.5 ms", "100 ms", "800 ns"]
    assert [label("accuracy", x) for x in (0.975, 1.0, 0.9)] == ["97.5 %", "100 %", "90 %"]
    assert [label("macs", x) for x in (100, 2e6, 0.05)] == ["100", "2 M", "0.05"]


def test_an_axis_lets_guests_in_that_are_near() -> None:
    assert Axis.over(ACCURACY, [0.9, 0.95], [0.8, 0.97], 10).low == pytest.approx(0.9 - 0.04 * 0.07)
    assert Axis.over(ACCURACY, [0.9, 0.95], [0.97], 10).high == pytest.approx(0.97 + 0.04 * 0.07)
    assert Axis.over(ACCURACY, [0.9, 0.95], [1.1], 10).high == pytest.approx(0.95 + 0.04 * 0.05)
    alone = Axis.over(LATENCY, [1e-3], [], 11)
    assert (alone.low < 1e-3 < alone.high, alone.cell(1e-3)) == (True, 5)
    assert math.log(alone.high / alone.low) == pytest.approx(0.04)


def test_an_axis_ends_with_its_last_cell() -> None:
    axis = Axis(ACCURACY, 0.0, 1.0, 11)
    assert [axis.cell(x) for x in (-0.1, 0.0, 0.5, 1.0, 1.1)] == [-1, 0, 5, 10, 11]
    assert [axis.off(x) for x in (-0.1, 0.0, 0.5, 1.0, 1.1)] == [-1, 0, 0, 0, 1]


def test_an_arrow_up_stays_in_the_frame() -> None:
    picture = Picture(Axis(LATENCY, 1e-3, 1e-2, 30), Axis(ACCURACY, 0.9, 1.0, ROWS))
    assert not picture.pin("■", 1e-2, 2.0)
    assert picture.letters == {(29, ROWS - 1): "■", (28, ROWS - 1): "↑"}
