"""The page and the folder: they need nobody, and nothing that a study contains becomes markup."""

import base64
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from views import ACCURACY, EVIL, LATENCY, TRIALS, m, numbers, printed, trial, view

from autocompress.reports import bundle
from autocompress.reports.chapter.bought import bought
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.points import Points
from autocompress.reports.grid import front_grid
from autocompress.reports.html import VOID, Html, join, tag
from autocompress.reports.page import page
from autocompress.reports.provenance import provenance
from autocompress.reports.table import plain, summary
from autocompress.values.device import Runtime
from autocompress.values.front import front
from autocompress.values.job import BASELINE
from autocompress.values.limit import Limit, Objective
from autocompress.values.techniques import Part
from autocompress.values.validated import Validated

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
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        if self.open and not {"style", "script", "svg"} & set(self.open):
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
    assert [p.name for p in paths] == [
        *("report.html", "front.csv", "trials.csv", "front.json", "summary.md", "front.parquet", "trials.parquet")
    ]
    assert sorted(tmp_path.iterdir()) == sorted(paths)  # nothing half-written is left
    first = [p.read_bytes() for p in paths]
    assert [p.read_bytes() for p in bundle.write(given, tmp_path)] == first
    assert len(json.loads(first[3])["members"]) == len(given.front)
    assert len(first[4]) < 65_000
    for nonsense in ("None", "nan", "Infinity", "&amp;lt;", "{}"):
        assert nonsense not in re.sub(r"nan_loss|loss is nan.*", "", seen.seen.partition("Reproduce")[0])


def test_the_page_needs_nobody() -> None:
    tags = Reader(text := page(view())).tags
    policy = next(a["content"] for name, a in tags if name == "meta" and a.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:  # the very ones that the policy names
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert not {name for name, _ in tags} & {"link", "iframe", "form", "object"}
    assert {a["href"][0] for name, a in tags if name == "a" and a["href"]} == {"#"}
    assert not [a for _, a in tags if any(key.startswith("on") for key in a)]
    own = text.replace(scripts[0], "")
    assert not re.search(r"@import|https?:(?!//www\.w3\.org/)", own)


def test_a_page_without_charts_has_no_scripts() -> None:
    tags = Reader(page(view(()))).tags
    assert not [name for name, _ in tags if name == "script"]
    assert any("script-src 'none'" in (a.get("content") or "") for name, a in tags if name == "meta")


def test_nothing_a_study_contains_becomes_markup() -> None:
    text = page(HOSTILE)
    tags = Reader(text).tags
    assert [name for name, _ in tags].count("style") == 1
    assert not {name for name, _ in tags} & {"img"}
    assert [a.get("type", "runs") for name, a in tags if name == "script"].count("runs") == 2
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;") >= 5  # recipe, message, note, environment, command
    assert "[bold red]" in printed(HOSTILE, 400)
    line = next(x for x in bundle.comment(HOSTILE).splitlines() if x.startswith("| ★"))
    assert line.count("|") - line.count("\\|") == len(front_grid(HOSTILE).header) + 1
    assert not re.sub(r"`[^`]*`", "", bundle.comment(HOSTILE)).count("<")


def test_the_page_answers_first() -> None:
    seen = Reader(page(view())).seen
    headings = ["Trial 0: 3.4x smaller, 2.1x faster, −0.3 points", "The limits, and trial 0", "The front: 2 models"]
    headings[2:2] = ["From trial 0"]  # the trade-offs
    headings += ["Was the search long enough?", "Where 11 trials went", "How it was measured", "Reproduce it"]
    places = [seen.index(h) for h in headings]
    assert places == sorted(places)
    assert "autocompress export digits --trial 0 -o digits-0" in seen
    assert "Rule accuracy-first: best accuracy of the 2 models on the front" in seen
    assert "On the test split: 97.10 % accuracy." in seen
    assert "11 trials in 1 h 2 min · Laptop · onnxruntime" in seen


def test_the_page_names_the_runtime_of_the_device_and_not_what_stands_in_for_it() -> None:
    spec = view().spec
    runtimes = (Runtime(of="x-cube-ai", version="10.2"), Runtime(name="litert"))
    device = spec.device.model_copy(update={"runtimes": runtimes})
    seen = Reader(page(replace(view(), spec=spec.model_copy(update={"device": device})))).seen
    assert "11 trials in 1 h 2 min · Laptop · x-cube-ai 10.2, litert" in seen


def test_the_front_says_of_each_what_became_of_it_with_fresh_seeds() -> None:
    then, now = numbers(0.95, 5e-4, 50), numbers(0.93, 5e-4, 50)
    found = {
        0: Validated(0, (8,), now, None, "fell off", "trial 1 beats it"),
        1: Validated(1, (8,), then, None, "holds", ""),
    }
    seen = Reader(text := page(view(validated=found))).seen
    assert "With fresh seeds 93.00 ± 0.10 %, fell off: trial 1 beats it" in seen
    assert "With fresh seeds 95.00 ± 0.10 %, holds" in seen
    assert text.count('class="verdict bad">fell off<') == text.count('class="verdict">holds<') == 1
    assert "Trained again with 1 fresh seed: 1 of 2 hold." in seen
    assert "Trained again with 1 fresh seed it fell off the front" in seen  # the pick, at the top


def test_intervals_of_marks_are_of_95_percent() -> None:
    row = Points(view()).rows[0]
    assert (row["m0_low"], row["m0"], row["m0_high"]) == pytest.approx((97.7 - 0.196, 97.7, 97.7 + 0.196))


def test_what_a_technique_bought_is_told_in_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autocompress.reports.chapter.bought.embedded", lambda *_: None)  # the chart
    whole = view()
    less = front((TRIALS[1],), (ACCURACY, LATENCY))
    parts = (Part("the whole study", 4, whole.front, 2.0), Part("without pruning", 1, less, 1.0))
    text = str(bought(Figures(replace(whole, parts=parts))))
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", text)]
    assert rows == [
        ["", "trials", "on their front", "best accuracy at latency (median) ≤ 950.0 µs", ""],
        ["the whole study", "4", "2", "97.70 %", ""],
        ["without pruning", "1", "1", "95.00 %", "−2.7 points"],
    ]


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
    same = tuple(t.model_copy(update={"measurements": numbers(0.95, 5e-4, 50, note="as ever")}) for t in TRIALS[:2])
    told = {p.title: p.text for p in provenance(view(same, baseline=()))}
    assert told["accuracy"] == "val, 360 images; n = 360; as ever"  # of all of them: said once
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
    assert len(list(tmp_path.iterdir())) == 7


def test_reports_know_no_torch_and_no_optuna() -> None:
    code = (
        "import sys, autocompress.reports.bundle, autocompress.reports.table\n"
        "print(sorted({'torch', 'optuna', 'ray', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
