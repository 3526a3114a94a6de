"""Reports are pure functions of a view: what they claim is computed, what a study contains cannot become markup."""

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autocompress.reports import bundle
from autocompress.reports.against import against, points, times
from autocompress.reports.closest import closest_miss, gap, tightest
from autocompress.reports.grid import front_grid
from autocompress.reports.html import Html, join, tag
from autocompress.reports.page import CSP, duration, page
from autocompress.reports.provenance import provenance
from autocompress.reports.table import front_table, plain, summary
from autocompress.reports.view import StudyView
from autocompress.values.counts import counts
from autocompress.values.device import Device
from autocompress.values.front import front
from autocompress.values.job import BASELINE
from autocompress.values.limit import Limit, Objective, violations
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget, StudySpec
from autocompress.values.trial import Trial

ACCURACY = Objective(metric="accuracy", direction="maximize")
LATENCY = Objective(metric="latency_p50", direction="minimize")
LIMITS = (Limit(metric="size", side="max", bound=100 * 1024), Limit(metric="accuracy", side="min", bound=0.93))
EVIL = "</style><script>alert('x')</script>&<img src=x onerror=alert(1)>[bold red]`|\n@all"


def numbers(accuracy: float, latency: float, size: float, **more: Any) -> tuple[Measurement, ...]:
    return (
        Measurement(
            metric="accuracy", value=accuracy, how="measured", on="val, 360 images", spread=0.001, n=360, **more
        ),
        Measurement(metric="latency_p50", value=latency, how="measured", on="model.onnx, 1 thread", spread=1e-6, n=5),
        Measurement(metric="size", value=size * 1024, how="counted", on="model.onnx"),
    )


def trial(number: int, state: Any, measured: tuple[Measurement, ...] = (), use: str = "convnet", **more: Any) -> Trial:
    recipe = Recipe.of({"student": {"use": use, "width": number}, "stages": [{"use": "prune", "ratio": 0.5}]})
    broken = violations(by_metric(measured), LIMITS)
    return Trial(
        **{"number": number, "recipe": recipe, "state": state, "measurements": measured, "violations": broken} | more
    )


BASE = numbers(0.98, 2e-3, 340)
TRIALS = (
    trial(0, "complete", numbers(0.977, 9.5e-4, 100), stages=2, cached=1),
    trial(1, "complete", numbers(0.95, 5e-4, 50), artifacts={"model": "ab" * 32}, stages=2),
    trial(2, "complete", numbers(0.94, 6e-4, 60)),  # beaten by 1
    trial(3, "complete", numbers(0.92, 4e-4, 40)),  # not accurate enough
    trial(4, "infeasible", numbers(0.0, 3e-3, 200)[1:]),
    trial(5, "infeasible", numbers(0.0, 3e-3, 120)[1:]),
    trial(6, "stopped", numbers(0.5, 5e-4, 50), fidelity=0.3),
    trial(7, "failed", code="nan_loss", message="loss is nan"),
    trial(8, "failed", code="export", message="no such op"),
    trial(9, "failed", code="nan_loss", message="loss is nan again"),
    trial(10, "running"),
)


def view(
    trials: tuple[Trial, ...] = TRIALS, objectives: tuple[Objective, ...] = (ACCURACY, LATENCY), **more: Any
) -> StudyView:
    spec = StudySpec(
        name="digits",
        space={"student": {"use": "convnet"}},
        objectives=objectives,
        limits=LIMITS,
        device=Device(id="x", name="Laptop", kind="cpu"),
        teacher={"student": {"use": "convnet", "width": 64}},
        budget=Budget(trials=10),
    )
    found = front(trials, objectives, LIMITS, BASE)
    tested = {0: Measurement(metric="accuracy", value=0.971, how="measured", on="test, 400 images")}
    given = {
        "spec": spec,
        "trials": trials,
        "baseline": BASE,
        "front": found,
        "test_accuracy": tested,
        "seconds": 3725.0,
    }
    return StudyView(**{**given, "environment": {"torch": "2.11", "autocompress": "0.1.0"}, **more})


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


def m(metric: str, value: float, spread: float | None = None, how: Any = "measured") -> Measurement:
    return Measurement(metric=metric, value=value, spread=spread, how=how)


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
    assert [str(c) for c in against((m("ece", 0.02),), (m("ece", 0.03),), ["ece"])] == ["0.030 → 0.020 ece"]


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


def printed(given: StudyView, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(front_table(given, width))
    return out.getvalue()


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


# --- the page --------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Checks that tags nest, and keeps what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.seen = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((name, dict(attributes)))
        if name != "meta":
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        if self.open and self.open[-1] != "style":
            self.seen += text


HOSTILE = view(
    tuple(
        trial(i, state, numbers(0.97, 1e-3, 90 + i, note=EVIL), use=EVIL, message=EVIL, code=code)
        for i, (state, code) in enumerate([("complete", None), ("failed", "export"), ("infeasible", None)])
    ),
    environment={EVIL: EVIL, "command": EVIL},
)
CASES = {
    "usual": view(),
    "no trials": view(()),
    "all failed": view(TRIALS[7:10]),
    "none feasible": view(TRIALS[3:]),
    "a front of one": view(TRIALS[:1]),
    "one objective": view(objectives=(ACCURACY,)),
    "long name": view(spec=view().spec.model_copy(update={"name": "n" * 60})),
    "no baseline": view(baseline=()),
    "no device": view(spec=view().spec.model_copy(update={"device": None})),
    "no limits": view(front=front(TRIALS, (ACCURACY, LATENCY))),
    "limits not resolved": view(
        front=front(TRIALS, (ACCURACY,), (Limit(metric="accuracy", side="min", below_baseline=0.01),))
    ),
    "a stranger's metric": view(
        (trial(0, "complete", (*numbers(0.97, 1e-3, 90), m("ece", 0.0034))),),
        objectives=(ACCURACY, Objective(metric="ece", direction="minimize")),
    ),
    "hostile": HOSTILE,
}


@pytest.mark.parametrize("case", CASES)
def test_every_case_has_every_report(case: str, tmp_path: Path) -> None:
    given = CASES[case]
    seen = Reader(page(given))
    assert given.spec.name in seen.seen
    assert given.spec.hash in seen.seen
    assert summary(given).startswith(f"{given.spec.name}: ")
    assert ("No model to take" in seen.seen) == (given.pick is None)
    assert printed(given, 100)
    assert plain(given)
    paths = bundle.write(given, tmp_path)
    assert [p.name for p in paths] == ["report.html", "front.csv", "trials.csv", "front.json", "summary.md"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)  # nothing half-written is left
    first = [p.read_bytes() for p in paths]
    assert [p.read_bytes() for p in bundle.write(given, tmp_path)] == first
    assert len(json.loads(first[3])["members"]) == len(given.front)
    assert len(first[4]) < 65_000
    for nonsense in ("None", "nan", "Infinity", "&amp;lt;", "{}"):
        assert nonsense not in re.sub(r"nan_loss|loss is nan.*", "", seen.seen.partition("Reproduce")[0])


def test_the_page_needs_nobody() -> None:
    tags = Reader(page(view())).tags
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": CSP}) in tags
    assert CSP == "default-src 'none'; style-src 'unsafe-inline'"
    assert not {name for name, _ in tags} & {"script", "link", "img", "iframe", "a", "form", "object"}
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", page(view()))
    assert "prefers-color-scheme: dark" in page(view())


def test_nothing_a_study_contains_becomes_markup() -> None:
    text = page(HOSTILE)
    assert [name for name, _ in Reader(text).tags].count("style") == 1
    assert not {name for name, _ in Reader(text).tags} & {"script", "img"}
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 5  # recipe, message, note, environment, command
    assert "[bold red]" in printed(HOSTILE, 400)
    line = next(x for x in bundle.comment(HOSTILE).splitlines() if x.startswith("| ★"))
    assert line.count("|") - line.count("\\|") == len(front_grid(HOSTILE).header) + 1
    assert not re.sub(r"`[^`]*`", "", bundle.comment(HOSTILE)).count("<")


def test_the_page_answers_first() -> None:
    seen = Reader(page(view())).seen
    headings = ["Trial 0: 3.4x smaller, 2.1x faster, −0.3 points", "The limits, and trial 0", "The front: 2 models"]
    headings += ["Where 11 trials went", "How it was measured", "Reproduce it"]
    places = [seen.index(h) for h in headings]
    assert places == sorted(places)
    assert "autocompress export digits --trial 0 -o digits-0" in seen
    assert "Rule accuracy-first: best accuracy of the 2 models on the front" in seen
    assert "On the test split: 97.10 % accuracy." in seen
    assert "11 trials in 1 h 2 min · Laptop · onnxruntime" in seen


def test_bars_show_the_room_below_a_limit() -> None:
    text = page(view(TRIALS[1:3]))
    assert "width:50.0%" in text  # 50 of 100 KiB
    assert "50 % under" in text
    assert "limit broken" not in text
    assert "✕ 1.0 points short" in page(view(TRIALS[3:4]))


def test_numbers_say_where_they_come_from() -> None:
    noisy = trial(1, "complete", numbers(0.95, 5e-4, 50, note="contention 1.4"))
    found = {p.title: (p.how, p.text) for p in provenance(view((TRIALS[0], noisy)))}
    assert found == {
        "accuracy": ("measured", "val, 360 images; n = 360; contention 1.4 (trial 1)"),
        "latency (median)": ("measured", "model.onnx, 1 thread; n = 5"),
        "file size": ("counted", "model.onnx"),
        "test accuracy": ("measured", "test, 400 images"),
    }
    assert [p.text for p in provenance(view((), baseline=(m("size", 1),)))] == ["on what is not recorded"]


def test_html_is_escaped_by_construction() -> None:
    assert tag("p", "a < b", None, tag("b", "&"), class_="x y", aria_label='"') == (
        '<p class="x y" aria-label="&quot;">a &lt; b<b>&amp;</b></p>'
    )
    assert join("<", Html("<br>")) == "&lt;<br>"
    assert tag("meta", name="x") == '<meta name="x">'


# --- the folder ------------------------------------------------------------------------------------------------------


def test_the_front_for_programs() -> None:
    given = view(test_accuracy={0: m("accuracy", 0.97), BASELINE: m("accuracy", 0.975)})
    found = bundle.front_json(given)
    assert found["schema"] == "autocompress.front/v1"
    assert found["pick"]["trial"] == 0
    assert [x["trial"] for x in found["members"]] == [0, 1]
    assert found["members"][0]["recipe"] == TRIALS[0].recipe.tree
    assert (found["members"][0]["test_accuracy"]["value"], found["baseline_test_accuracy"]["value"]) == (0.97, 0.975)
    assert [c["amount"] for c in found["against_baseline"]] == ["3.4x", "2.1x", "−0.3"]
    assert bundle.front_json(view(()))["pick"] is None


def test_rows_for_spreadsheets() -> None:
    rows = list(csv.DictReader(io.StringIO(bundle.trials_csv(view()))))
    assert [r["trial"] for r in rows] == [str(n) for n in range(11)]
    assert (rows[3]["broken"], rows[7]["code"], rows[7]["message"], rows[7]["size"]) == (
        "accuracy",
        "nan_loss",
        "loss is nan",
        "",
    )
    front_rows = list(csv.DictReader(io.StringIO(bundle.front_csv(view()))))
    assert [(r["trial"], r["pick"], r["test_accuracy"]) for r in front_rows] == [
        ("0", "True", "0.971"),
        ("1", "False", ""),
    ]
    assert bundle.front_csv(view(())) == "trial,pick,recipe\n"


def test_a_comment_stays_short() -> None:
    many = tuple(trial(i, "complete", numbers(0.99 - i / 1e4, 1e-3 - i / 1e6, 50)) for i in range(200))
    text = bundle.comment(replace(view(many), rule="fastest"))
    assert "and 187 more on the front" in text
    assert "| ★ 199 |" in text  # the pick is there, wherever it stands
    assert len(text) < 5000


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle.write(view(), tmp_path)
    before = (tmp_path / "report.html").read_bytes()

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        bundle.write(view(()), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 5


def test_reports_know_no_torch_and_no_optuna() -> None:
    code = (
        "import sys, autocompress.reports.bundle, autocompress.reports.table\n"
        "print(sorted({'torch', 'optuna', 'ray', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_claim_needs_more_than_one_standard_error() -> None:
    """0.6 points with errors of 0.4 and 0.2 is 1.3 standard errors of the difference: nothing to boast of."""

    def accuracy(value: float, spread: float) -> list[Measurement]:
        return [Measurement(metric="accuracy", value=value, how="measured", spread=spread)]

    assert str(against(accuracy(1.0, 0.002), accuracy(0.994, 0.004))[0]) == "no difference beyond noise in accuracy"
    assert str(against(accuracy(1.0, 0.002), accuracy(0.991, 0.004))[0]) == "+0.9 points"
