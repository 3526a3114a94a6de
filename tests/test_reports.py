"""What reports claim is computed: ratios, points, gaps, tables."""

import pytest
from views import BASE, LIMITS, TRIALS, m, numbers, printed, trial, view

from autocompress.reports import bundle
from autocompress.reports.against import against, points, times
from autocompress.reports.closest import closest_miss, gap, tightest
from autocompress.reports.duration import duration
from autocompress.reports.grid import front_grid
from autocompress.reports.page import page
from autocompress.reports.table import plain, summary
from autocompress.values.counts import counts
from autocompress.values.measurement import Measurement
from autocompress.values.trial import Trial

# --- claims ----------------------------------------------------------------------------------------------------------


def test_the_answer_in_a_few_lines() -> None:
    assert summary(view()) == (
        "digits: take trial 0 (accuracy-first, 2 models on the front): "
        "best accuracy of the 2 models on the front; no other is within noise of it\n"
        "recipe: convnet(width 0) → prune(ratio 0.5)\n"
        "against the baseline: 3.4x smaller, 2.1x faster, −0.3 points\n"
        "trials: 11 asked; 2 refused by the gate (size 2); 1 stopped early; 3 failed (nan_loss 2, export 1); "
        "4 complete, of which 3 fit the limits; 1 not finished; 1 of 4 stages from the cache\n"
    )


def said(model: tuple[Measurement, ...], base: tuple[Measurement, ...] = BASE) -> list[str]:
    return [str(c) for c in against(model, base)]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (m("size", 1000), m("size", 1000), "same file size"),
        (m("size", 1000), m("size", 2000), "2.0x larger"),
        (m("size", 1000), m("size", 995), "1.005x smaller"),
        (m("size", 1000), m("size", 5), "200x smaller"),
        (m("macs", 100), m("macs", 50), "2.0x fewer MACs"),
        (m("throughput", 100), m("throughput", 250), "2.5x more throughput"),
        (m("latency_p50", 1, 0.1), m("latency_p50", 1.1, 0.1), "no difference beyond noise in latency (median)"),
        (m("latency_p50", 1, 0.01), m("latency_p50", 1.1, 0.01), "1.1x slower"),
        (m("accuracy", 0.97), m("accuracy", 0.98), "+1.0 points"),
        (m("accuracy", 0.97), m("accuracy", 0.9696), "−0.04 points"),
        (m("accuracy", 0.97, 0.01), m("accuracy", 0.96, 0.01), "no difference beyond noise in accuracy"),
        (m("energy", 0.0), m("energy", 1.0), "0.00 J → 1.00 J energy"),
    ],
)
def test_claims_are_computed(old: Measurement, new: Measurement, text: str) -> None:
    assert said((new,), (old,)) == [text]


def test_an_estimate_is_not_compared_with_a_measurement() -> None:
    assert said((m("size", 1, how="estimated"),), (m("size", 2),)) == []
    assert said((m("size", 1, how="estimated"),), (m("size", 2, how="estimated"),)) == ["2.0x smaller"]
    assert [str(c) for c in against((m("fairness", 0.02),), (m("fairness", 0.03),), ["fairness"])] == [
        "0.030 → 0.020 fairness"
    ]


def test_what_compares_estimates_says_so() -> None:
    old, new = (m("latency_p50", value, how="estimated") for value in (2e-3, 1e-3))
    [claim] = against((new,), (old,))
    assert (claim.before, claim.after) == ("≈ 2.00 ms", "≈ 1.00 ms")


def test_amounts_tell_from_nothing() -> None:
    assert [times(x) for x in (1.001, 1.04, 3.44, 163.2)] == ["1.001x", "1.04x", "3.4x", "163x"]
    assert [points(x) for x in (-0.003, 0.012, -0.0004, 1e-9)] == ["−0.3", "+1.2", "−0.04", "0.00"]
    assert [duration(x) for x in (4.21, 200, 27_720)] == ["4.2 s", "3 min 20 s", "7 h 42 min"]


# --- when there is no answer -----------------------------------------------------------------------------------------


def without_answer(*trials: Trial) -> str:
    return summary(view(trials)).splitlines()[0]


def test_nothing_to_take_says_why() -> None:
    assert without_answer() == "digits: no trials yet"
    assert without_answer(*TRIALS[7:10]) == "digits: all 3 trials failed (nan_loss 2, export 1)"
    assert without_answer(TRIALS[8]) == "digits: the only trial failed (export 1)"
    assert without_answer(TRIALS[6], TRIALS[10]) == "digits: no trial has completed"


def test_the_closest_miss_names_the_limit_and_the_gap() -> None:
    assert without_answer(*TRIALS[3:]) == (
        "digits: nothing fits the limits; "
        "the closest is trial 3: accuracy 92.00 %, 1.0 points short of the limit of 93.00 %; "
        "loosening that limit to 92.00 % would admit it; broken most often: file size, by 2 of 3 candidates"
    )
    assert without_answer(*TRIALS[4:6]) == (
        "digits: nothing fits the limits; "
        "the closest is trial 5: file size 120.0 KiB, 20 % over the limit of 100.0 KiB; "
        "loosening that limit to 120.0 KiB would let it be trained; broken most often: file size, by 2 of 2 candidates"
    )
    both = trial(1, "complete", numbers(0.92, 1e-3, 200))
    assert without_answer(both).partition("; broken")[0] == (
        "digits: nothing fits the limits; "
        "the closest is trial 1: file size 200.0 KiB, 100 % over the limit of 100.0 KiB; "
        "it also breaks accuracy"
    )


def test_a_miss_without_its_measurement_is_known_from_its_violation() -> None:
    miss = closest_miss(view((trial(0, "infeasible", violations={"size": 0.6931471805599453}),)))
    assert miss
    assert miss.value == pytest.approx(200 * 1024)
    assert tightest(view((TRIALS[0],))) is None


def test_gaps_have_a_side() -> None:
    size, accuracy = LIMITS
    assert [gap(size, x * 1024) for x in (117, 27)] == ["17 % over", "73 % under"]
    assert [gap(accuracy, x) for x in (0.912, 0.96)] == ["1.8 points short", "3.0 points above"]


# --- tables ----------------------------------------------------------------------------------------------------------


def test_the_grid() -> None:
    grid = front_grid(view())
    assert grid.header == ("trial", "accuracy", "latency", "file size", "test accuracy", "recipe")
    assert [r.cells for r in grid.rows] == [
        ("baseline", "98.00 ± 0.10 %", "2.000 ± 0.001 ms", "340.0 KiB", "–", "convnet(width 64)"),
        ("0", "97.70 ± 0.10 %", "950.0 ± 1.0 µs", "100.0 KiB", "97.10 %", "convnet(width 0) → prune(ratio 0.5)"),
        ("1", "95.00 ± 0.10 %", "500.0 ± 1.0 µs", "50.00 KiB", "–", "convnet(width 1) → prune(ratio 0.5)"),
    ]
    assert [r.picked for r in grid.rows] == [False, True, False]
    assert not grid.estimates


def test_the_terminal_table_fits_and_cuts_nothing() -> None:
    for width in (70, 80, 120, 200):
        text = printed(view(), width)
        assert max(map(len, text.splitlines())) <= width
        assert "★ 0" in text
        assert "97.70 ± 0.10 %" in text
        assert "convnet(width 1) → prune(ratio 0.5)" in text
        assert "…" not in text
    assert "file size" in printed(view(), 120)
    assert "file size" not in printed(view(), 70)  # too narrow: the objectives only


def test_the_plain_table_is_aligned() -> None:
    lines = plain(view()).splitlines()
    assert lines[2].startswith("*")
    assert len({line.index("convnet") for line in lines[1:]}) == 1
    assert plain(view(trials=(), baseline=())).split() == ["trial", "recipe"]


def test_estimates_are_marked_everywhere() -> None:
    guess = m("latency_p50", 1e-4, how="estimated")
    given = view((TRIALS[0].model_copy(update={"measurements": (*numbers(0.97, 1, 90)[::2], guess)}),))
    for text in (printed(given, 120), plain(given), page(given), bundle.comment(given)):
        assert "≈ 100.0 µs" in text
    assert "≈ estimated, not measured" in plain(given)
    assert "x faster" not in summary(given)


def test_every_candidate_is_in_one_state() -> None:
    c = counts(view().trials)
    assert (c.asked, c.refused, c.stopped, c.failed, c.complete, c.fitting, c.pending) == (11, 2, 1, 3, 4, 3, 1)
    assert c.asked == c.refused + c.stopped + c.failed + c.complete + c.pending
    assert (c.refused_by, c.failed_by, c.stages, c.cached) == ({"size": 2}, {"nan_loss": 2, "export": 1}, 4, 1)


def test_a_claim_needs_more_than_one_standard_error() -> None:
    """0.6 points with errors of 0.4 and 0.2 is 1.3 standard errors of the difference: nothing to boast of."""

    def accuracy(value: float, spread: float) -> list[Measurement]:
        return [Measurement(metric="accuracy", value=value, how="measured", spread=spread)]

    assert str(against(accuracy(1.0, 0.002), accuracy(0.994, 0.004))[0]) == "no difference beyond noise in accuracy"
    assert str(against(accuracy(1.0, 0.002), accuracy(0.991, 0.004))[0]) == "+0.9 points"
