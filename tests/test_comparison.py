"""Comparisons as people and programs read them, and the command."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fakes import OBJECTIVES, Pretend, spec
from rich.console import Console
from rivals import Model, rival
from typer.testing import CliRunner, Result

from autocompress.cli.app import app
from autocompress.reports.comparison import comparison_json, markdown, plain, ruled
from autocompress.reports.sheet import Sheet
from autocompress.study.lock import held
from autocompress.study.study import Study
from autocompress.values.compared import Comparison, compared
from autocompress.values.entrant import Entrant
from autocompress.values.study import Budget

GOOD: list[Model] = [(0.96, 0.4), (0.70, 0.1)]
POOR: list[Model] = [(0.95, 0.5), (0.80, 0.2), (0.60, 0.15)]


def pair() -> Comparison:
    poor = rival("poor", POOR, noise=0.01)
    return compared([poor, rival("good", GOOD, 0.01, "estimated", sampler={"use": "random"}, life="running")])


def repeated() -> Comparison:
    def runs(name: str, *models: list[Model], **more: Any) -> list[Entrant]:
        return [rival(f"{name}-{i}", some, seed=i, **more) for i, some in enumerate(models)]

    return compared([*runs("ours", GOOD, GOOD, POOR), *runs("theirs", POOR, POOR, POOR, sampler={"use": "random"})])


def test_a_comparison_for_a_pipe() -> None:
    assert (
        plain(pair())
        == """\
warning: good is running: its front may still grow
warning: latency (median) is not comparable (poor: measured; good: estimated)

reference for all: accuracy ≥ 50.00 %, latency ≤ 1.00 ms

models on the own front and on the joint one; hypervolume (95 % interval) and its ratio to the first
  study  state     trials  front  joint             hypervolume  ratio
  poor   finished       3      3      1  0.616 (0.592 to 0.640)  1.000
  good   running        2      2      2  0.699 (0.667 to 0.735)  1.135

how many models of each are beaten (?: perhaps only by noise)
  study  by poor     by good
  poor         –  1 of 3, 1?
  good    0 of 2           –

who beats whom (–: on the joint front; ≈: estimated)
  study  trial        accuracy           latency  beaten by
  poor       0  95.00 ± 1.00 %    500.0 ± 0.5 µs  good 0?
  poor       1  80.00 ± 1.00 %    200.0 ± 0.2 µs  –
  poor       2  60.00 ± 1.00 %    150.0 ± 0.1 µs  good 1
  good       0  96.00 ± 1.00 %  ≈ 400.0 ± 0.4 µs  –
  good       1  70.00 ± 1.00 %  ≈ 100.0 ± 0.1 µs  –

no attainment difference: it needs 3 runs of each study, that differ in seed alone: poor has 1, good has 1

good differs from poor:
  sampler.use: tpe -> random
"""
    )


def test_several_seeds() -> None:
    text = plain(repeated())
    assert (
        """
studies with several seeds
  study   seeds      hypervolume
  ours    0, 1, 2  0.671 ± 0.028
  theirs  0, 1, 2  0.616 ± 0.000

what at least half of the seeds reach
  study   accuracy   latency
  ours     96.00 %  400.0 µs
  ours     70.00 %  100.0 µs
  theirs   95.00 %  500.0 µs
  theirs   80.00 %  200.0 µs
  theirs   60.00 %  150.0 µs

attainment difference of ours and theirs:
  ours is furthest ahead at accuracy ≥ 70.00 %, latency ≤ 100.0 µs: 2 of 3 runs reach it, 0 of 3 of theirs
  theirs is furthest ahead at accuracy ≥ 80.00 %, latency ≤ 200.0 µs: 3 of 3 runs reach it, 1 of 3 of ours

ours-1 differs from ours-0:
  seed: 0 -> 1
"""
        in text
    )


def test_equal_searches_have_no_attainment_difference() -> None:
    ours = [rival(f"a-{i}", GOOD, seed=i) for i in range(3)]
    theirs = [rival(f"b-{i}", GOOD, seed=i, sampler={"use": "random"}) for i in range(3)]
    assert "of a and b:\n  none: both reach the same in as many runs\n" in plain(compared([*ours, *theirs]))
    nothing = [rival(f"b-{i}", [], seed=i, sampler={"use": "random"}) for i in range(3)]
    assert "latency ≤ 100.0 µs: 3 of 3 runs reach it, 0 of 3 of b\n  b is nowhere ahead\n" in plain(
        compared([*ours, *nothing])
    )


def test_long_lists_are_cut_and_say_so() -> None:
    many = rival("many", [(0.99 - i / 1000, 0.2 - i / 1000) for i in range(5)])
    extra = {"choice": [{"use": f"net{i}"} for i in range(25)]}
    poor = rival("poor", POOR[:1], space={f"x{i}": i for i in range(25)} | {"student": extra})
    text = plain(compared([many, poor]))
    assert "many 0, many 1, many 2, 2 more\n" in text
    differ = text[text.index("poor differs from many:") :].splitlines()
    assert len(differ) == 22
    assert differ[-1] == "  and in 7 more (--json has all)"
    same = plain(compared([rival("a", GOOD), rival("b", GOOD)]))
    assert same.endswith("\nb differs from a in nothing but its name\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_in_a_terminal_it_fits_and_loses_nothing(width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(ruled(repeated(), width))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    if width >= 80:
        for words in ("ours-0    finished       2      2      2        0.699  1.000", "theirs-0 ", "by theirs-2"):
            assert words in text.replace("\n", "") or width < 120, words
        assert "ours-2        0   95.00 %  500.0 µs  ours-0 0, ours-1 0" in text


def test_words_are_folded_before_numbers_and_nothing_is_lost() -> None:
    header = ("study", "accuracy", "latency", "file size", "beaten by")
    row = ("quickstart", "99.72 ± 0.28 %", "9.526 ± 0.003 µs", "180.2 KiB", "one 1, two 2, three 3")
    sheet = Sheet("title", header, (row,), WORDS)

    def seen(width: int) -> str:
        out = io.StringIO()
        Console(file=out, width=width).print(sheet.ruled(width))
        return out.getvalue()

    assert "99.72 ± 0.28 %  9.526 ± 0.003 µs  180.2 KiB  one 1, " in seen(72)
    assert "three 3" not in seen(72).splitlines()[3]
    for width in (72, 60, 44):
        assert sorted(re.sub(r"[\s─]", "", seen(width))) == sorted(re.sub(r"[\s─]", "", seen(200)))
        assert max(map(len, seen(width).splitlines())) <= width


WORDS = ("study", "beaten by")


def test_as_markdown() -> None:
    text = markdown(pair())
    assert text.startswith(
        "### autocompress: `poor` against `good`\n\n`warning: good is running: its front may still grow`\n\n"
    )
    assert (
        """
#### who beats whom (–: on the joint front; ≈: estimated)

| study | trial | accuracy | latency | beaten by |
| :--- | ---: | ---: | ---: | :--- |
| `poor` | 0 | 95.00 ± 1.00 % | 500.0 ± 0.5 µs | `good 0?` |
| `poor` | 1 | 80.00 ± 1.00 % | 200.0 ± 0.2 µs | – |
"""
        in text
    )
    assert text.endswith("\n`good differs from poor:`\n\n- `sampler.use: tpe -> random`\n")


def test_for_programs() -> None:
    found = json.loads(json.dumps(comparison_json(pair()), allow_nan=False))
    assert found["schema"] == "autocompress.comparison/v1"
    assert found["reference"] == {"accuracy": 0.5, "latency_p50": 1e-3}
    assert len(found["warnings"]) == 2
    poor, good = found["studies"]
    assert (poor["study"], poor["state"], poor["front"], poor["joint_front"], poor["ratio"]) == (
        "poor", "finished", 3, 1, 1.0,
    )  # fmt: skip
    low, high = good["hypervolume_interval"]
    assert low < good["hypervolume"] < high
    assert good["changes"] == ["sampler.use: tpe -> random"]
    assert found["beaten"] == [
        {"study": "poor", "by": "good", "beyond_noise": 1, "within_noise": 1, "of": 3},
        {"study": "good", "by": "poor", "beyond_noise": 0, "within_noise": 0, "of": 2},
    ]
    assert found["members"][0]["beaten_by"] == [{"study": "good", "trial": 0, "beyond_noise": False}]
    assert [m["joint"] for m in found["members"]] == [False, True, False, True, True]
    assert (found["groups"], found["attainment"]) == ([], [])
    assert found["no_attainment"].startswith("it needs 3 runs")
    runs = comparison_json(repeated())
    assert runs["no_attainment"] is None
    assert runs["groups"][0]["studies"] == ["ours-0", "ours-1", "ours-2"]
    assert runs["groups"][0]["median"][0] == {"accuracy": 0.96, "latency_p50": 4e-4}
    assert runs["attainment"] == [
        {
            "first": "ours",
            "second": "theirs",
            "ahead": {"goal": {"accuracy": 0.7, "latency_p50": 1e-4}, "runs": 2, "others": 0},
            "behind": {"goal": {"accuracy": 0.8, "latency_p50": 2e-4}, "runs": 3, "others": 1},
        }
    ]


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pretend studies."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(home))
        for name, more in (
            ("chance", {}),
            ("tpe", {"sampler": {"use": "tpe"}, "seed": 2}),
            ("other", {"objectives": OBJECTIVES[:1]}),
        ):
            Study.of(spec(name=name, budget=Budget(trials=8), **more), work=Pretend()).run()
    return home


@pytest.fixture
def compare(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(home))

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, ["compare", *map(str, arguments)])

    return call


def test_two_studies_that_were_run_here(compare: Any, tmp_path: Path) -> None:
    done = compare("chance", "tpe", "-o", tmp_path / "new" / "both.md")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("reference for all: accuracy ≥ 50.00 %, latency ≤ 2.00 ms, file size ≤ 58.59 KiB\n")
    assert done.stdout.endswith("tpe differs from chance:\n  sampler.use: random -> tpe\n  seed: 0 -> 2\n")
    assert done.stderr == f"written: {tmp_path / 'new' / 'both.md'}\n"
    assert (tmp_path / "new" / "both.md").read_text().startswith("### autocompress: `chance` against `tpe`\n")
    told = json.loads(compare("chance", "tpe", "--json").stdout)
    assert [s["study"] for s in told["studies"]] == ["chance", "tpe"]
    fronts = {s["study"]: s["front"] for s in told["studies"]}
    assert fronts == {name: len(Study.open(name).front()) for name in fronts}


def test_a_study_that_runs_is_said_to_run(compare: Any, home: Path) -> None:
    with held(home / "studies" / "tpe", "tpe"):
        done = compare("chance", "tpe")
    assert done.exit_code == 0
    assert done.stdout.startswith("warning: tpe is running: its front may still grow\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["chance"], "name at least two studies"),
        (["chance", "chance"], "name each study once"),
        (["chance", "other"], "and these share only accuracy (chance: accuracy (maximize), latency_p50 (minimize)"),
        (["chance", "tpe", "-o", "both.txt"], "'both.txt' ends neither in .html nor in .md"),
    ],
)
def test_mistakes_are_exit_2(compare: Any, arguments: list[str], text: str) -> None:
    done = compare(*arguments)
    assert done.exit_code == 2
    assert text in " ".join(done.stderr.split())
    assert not Path("both.html").exists()


def test_an_unknown_study_is_told_in_words(compare: Any) -> None:
    assert str(compare("chance", "nobody").exception).startswith("there is no study 'nobody' in ")
