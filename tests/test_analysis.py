"""Analyses: what their files say, what they are refused for, and what comes of them."""

import json
from pathlib import Path

import pytest
from test_compression import STUDENT

from autocompress.compress.breakpoint import breakpoint
from autocompress.config.diagnostic import ConfigError
from autocompress.config.load import check, load_analysis, load_study
from autocompress.errors import StudyError
from autocompress.reports import swept
from autocompress.search.every import every
from autocompress.study.sweep import breakpoints, outcome, studies
from autocompress.study.techniques import ALONE, epochs, lengthened, techniques
from autocompress.values.analysis import Analysis, Published, Reference
from autocompress.values.recipe import Recipe
from autocompress.values.space import fill
from autocompress.values.sweep import Sweep

FILE = """\
schema: autocompress.analysis/v1
name: cuts
title: Two scores, two cuts
seeds: 2
study:
  data: digits
  device:
    schema: autocompress.device/v1
    id: here
    extends: this-machine
    operators: {channels: {round_to: 1}}
    measurement: {protocol: {warmup: 1, runs: 3, processes: 1}}
  objectives: [accuracy, size]
  driver: serial
  limits: {size: 1 kB}
  teacher: {student: {use: cnn, depth: 3, width: 8}, stages: [{use: finetune, epochs: 2, lr: 0.1}]}
  space:
    student: same
    stages:
      - {use: prune, by: {choice: [taylor, magnitude]}, ratio: {choice: [0, 0.25, 0.5]}, recover: 1}
smoke:
  seeds: 1
  scale: tiny, on digits
  study: {space: {stages: [{use: prune, by: taylor, ratio: {choice: [0.25, 0.5]}}]}}
published:
  source: nobody
  setting: nowhere
  numbers:
    - {row: {baseline: true}, values: {test_accuracy: 96.5 %, params: 2 k}}
    - {row: {prune.by: taylor, prune.ratio: 0.5}, values: {test_accuracy: 90 %, size: 4 KiB}, note: of another file}
    - {row: {prune.by: lamp}, values: {macs: 1000}}
"""


def loaded(text: str = FILE, **more: object) -> Analysis:
    return load_analysis("cuts.yaml", source=text, **more)  # type: ignore[arg-type]


def mistakes(text: str, **more: object) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, **more)
    return [(d.code, d.text) for d in caught.value.diagnostics]


# --- what a file says ---


def test_it_needs_neither_budget_nor_name_nor_schema_of_its_study():
    analysis = loaded()
    assert [(case.label, case.spec.name) for case in analysis.cases] == [("", "cuts")]
    assert len(every(analysis.cases[0].spec.space)) == 6
    assert analysis.published == Published(
        "nobody",
        "nowhere",
        (
            Reference({"baseline": True}, {"test_accuracy": 0.965, "params": 2000.0}),
            Reference(
                {"prune.by": "taylor", "prune.ratio": 0.5}, {"test_accuracy": 0.9, "size": 4096.0}, "of another file"
            ),
            Reference({"prune.by": "lamp"}, {"macs": 1000.0}),
        ),
    )


def test_the_small_version_is_the_same_with_changes_and_has_a_name_of_its_own():
    small = loaded(size="smoke")
    assert small.size == "smoke"
    assert small.seeds == 1
    assert small.cases[0].spec.name == "cuts-smoke"
    assert len(every(small.cases[0].spec.space)) == 2
    assert small.cases[0].spec.teacher == loaded().cases[0].spec.teacher
    assert mistakes(FILE.partition("smoke:")[0], size="smoke") == [
        ("missing-key", "the key 'smoke' is missing, which says what its small version is")
    ]


def test_at_a_reduced_scale_it_keeps_what_was_published():
    text = FILE + "reduced: {scale: a laptop's, study: {teacher: {student: {use: resnet, depth: 8}}}}\n"
    less = loaded(text, size="reduced")
    assert (less.size, less.scale, less.seeds) == ("reduced", "a laptop's", 2)
    assert less.cases[0].spec.name == "cuts-reduced"
    teacher = less.cases[0].spec.teacher
    assert teacher
    assert teacher["student"] == {"use": "resnet", "depth": 8}, "another network has settings of its own: no width 8"
    sheet = swept.compared(Sweep(less, ()))
    assert sheet
    assert sheet.title == "beside what was published, at a reduced scale"
    assert swept.document(Sweep(less, ()), {})["size"] == "reduced"


def test_every_size_is_checked():
    def said(more: str) -> list[tuple[str, str]]:
        with pytest.raises(ConfigError) as caught:
            check("cuts.yaml", source=FILE.partition("smoke:")[0] + more)
        return [(d.code, d.text) for d in caught.value.diagnostics]

    assert said("smoke: 3\n") == [("wrong-type", "wants a mapping of what is different, got 3")]
    assert said("reduced: {study: {driver: steam}}\n")[0][0] == "unknown-plugin"
    assert check("cuts.yaml", source=FILE + "reduced: null\n") == "autocompress.analysis/v1"


def test_studies_of_long_cases_have_names_that_fit_and_differ():
    long = "a" * 39
    text = FILE.replace("name: cuts", f"name: {long}") + f"each:\n  {long}b: {{}}\n  {long}c: {{}}\n"
    b, c = (case.spec.name for case in loaded(text, size="smoke").cases)
    assert b != c
    assert len(b) == len(c) == 63
    assert b.startswith(f"{long}-smoke-aaa")
    assert (b, c) == tuple(case.spec.name for case in loaded(text, size="smoke").cases), "found again the next time"


def test_each_is_the_study_once_more_with_changes():
    text = FILE + "each:\n  thin: {}\n  wide: {teacher: {student: {width: 16}}, limits: null}\n"
    thin, wide = loaded(text).cases
    assert (thin.label, thin.spec.name, wide.spec.name) == ("thin", "cuts-thin", "cuts-wide")
    assert (thin.spec.teacher["student"]["width"], wide.spec.teacher["student"]["width"]) == (8, 16)
    assert wide.spec.teacher["student"]["depth"] == 3
    assert wide.spec.teacher["stages"] == thin.spec.teacher["stages"]
    sizes = [next(x.bound for x in one.spec.limits if x.metric == "size") for one in (thin, wide)]
    assert sizes == [1000.0, 1e6], "without a limit of the study's own that of the device counts"


def test_data_can_be_other_than_it_says(tmp_path):
    assert loaded(data="{use: digits, val: 0.3}").cases[0].spec.data == {"use": "digits", "val": 0.3}
    names = [loaded(data=data).cases[0].spec.name for data in ("digits", "{use: digits, val: 0.3}", "digits")]
    assert names[0] == names[2] != names[1], "studies on other data are other studies"
    assert all(name.startswith("cuts-on-") for name in names)
    code, text = mistakes(FILE, data="{use: digitz}")[0]
    assert code == "unknown-plugin"
    assert "digitz" in text


def test_a_study_file_is_an_analysis_of_all_its_recipes(tmp_path):
    text = FILE.partition("study:\n")[2].partition("smoke:")[0]
    study = "schema: autocompress.study/v1\nname: whole\nbudget: {trials: 3}\n"
    study += "\n".join(line[2:] for line in text.splitlines())
    (tmp_path / "whole.yaml").write_text(study)
    analysis = load_analysis(tmp_path / "whole.yaml")
    assert (analysis.name, analysis.cases[0].spec.name, analysis.seeds) == ("whole-sweep", "whole-sweep", 1)
    (tmp_path / "analysis.yaml").write_text(
        "schema: autocompress.analysis/v1\nname: two\nstudy: ./whole.yaml\nseeds: 2\n"
    )
    assert load_analysis(tmp_path / "analysis.yaml").cases[0].spec.space == analysis.cases[0].spec.space


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("seeds: 2", "seeds: 0", "out-of-range", "must be at least 1, got 0"),
        ("seeds: 2", "seed: 2", "unknown-key", "unknown key"),
        ("test_accuracy: 96.5 %", "test_accuracy: 96.5", "bad-unit", "'96.5'"),
        ("params: 2 k", "parameters: 2 k", "unknown-name", "no number of a model is called 'parameters'"),
        ("use: prune", "use: prun", "unknown-plugin", "no stage is called 'prun'"),
        ("ratio: {choice: [0, 0.25, 0.5]}", "ratio: {choice: [0, 2]}", "out-of-range", "got 2"),
    ],
)
def test_mistakes_are_shown_where_they_are(old, new, code, said):
    found = mistakes(FILE.replace(old, new, 1))
    assert any(c == code and said in text for c, text in found), found


def test_a_study_that_is_not_there_is_named():
    text = "schema: autocompress.analysis/v1\nname: two\nstudy: ./nowhere.yaml\n"
    assert mistakes(text) == [("not-found", "there is no file 'nowhere.yaml'")]
    assert mistakes(text.replace("./nowhere.yaml", "[1]"))[0][0] == "wrong-type"


def test_a_space_without_an_end_is_refused_in_words():
    text = FILE.replace("{choice: [0, 0.25, 0.5]}", "{float: [0, 0.5]}")
    with pytest.raises(
        StudyError, match=r"^cuts: its recipes cannot be listed: stages\.0\.ratio: a range of all numbers"
    ):
        studies(loaded(text))


# --- what comes of it ---


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(tmp_path_factory.mktemp("home")))
        analysis = loaded()
        for study in studies(analysis, seeds=1):
            study.run()
        yield analysis, outcome(analysis, studies(analysis))


def test_every_recipe_has_a_row_though_all_break_the_limit_and_each_file_meets_the_test_split(done):
    analysis, found = done
    assert [row.baseline for row in found.rows] == [True] + 6 * [False]
    assert {(row.cells["prune.by"], row.cells["prune.ratio"]) for row in found.rows[1:]} == {
        (by, ratio) for by in ("taylor", "magnitude") for ratio in (0.0, 0.25, 0.5)
    }
    assert all(row.test and row.test.on.endswith("test split") for row in found.rows)
    assert all(row.seeds == (0,) and not row.failed for row in found.rows[1:])
    assert [t.origin for t in studies(analysis)[0].trials] == 6 * ["listed"]


def test_asked_again_nothing_is_trained_and_another_seed_is_only_added(done):
    analysis, before = done
    (again,) = studies(analysis, seeds=1)
    again.run()
    assert len(again.trials) == 6
    (more,) = studies(analysis, seeds=2)
    more.run()
    after = outcome(analysis, [more])
    assert [row.seeds for row in after.rows[1:]] == 6 * [(0, 1)]
    for old, new in zip(before.rows[1:], after.rows[1:], strict=True):
        assert new.recipe == old.recipe
        assert new.trial == old.trial
        assert new.measured("params") == old.measured("params").model_copy(update={"note": new.measured("params").note})
        assert "mean of 2 seeds" in new.measured("accuracy").note


def test_figures_go_along_the_numbers_with_a_line_for_each_of_the_rest(done):
    _, found = done
    assert found.varied == ["prune.by", "prune.ratio"]
    assert found.axis == "prune.ratio"
    assert {name: [row.cells["prune.ratio"] for row in rows] for name, rows in found.series.items()} == {
        "taylor": [0.0, 0.25, 0.5],
        "magnitude": [0.0, 0.25, 0.5],
    }
    drawn = {picture.name: picture.svg({}) for picture in swept.pictures(found)}
    assert {"test-accuracy", "params", "size"} <= set(drawn)
    assert "taylor" in drawn["test-accuracy"]
    assert "prune.ratio" in drawn["test-accuracy"]


def test_of_lines_that_begin_with_nothing_taken_it_says_how_far_they_bear_it(done):
    _, found = done
    for drop in (0.0001, 0.02, 0.9):
        breaks = breakpoints(found, drop)
        assert [one.series for one in breaks] == ["taylor", "magnitude"]
        for one in breaks:
            line = found.series[one.series]
            accuracy = [row.measured("accuracy").value for row in line]
            curve = breakpoint([0, 0.25, 0.5], accuracy, line[0].measured("accuracy").n, drop=drop)
            assert one.found == curve
            assert (one.before, one.at.cells["prune.ratio"]) == (line[0], curve.ratio)
    breaks = swept.document(found, {}, breakpoints(found, 0.9), 0.9)["breakpoints"]
    told = swept.broken(json.loads(json.dumps(breaks)), found.axis, 0.9)
    assert told
    assert [row[:2] for row in told.rows] == [("taylor", "0.5"), ("magnitude", "0.5")]
    whole, half = (found.series["taylor"][i].measured("params").value for i in (0, 2))
    smaller = f"{whole / half:.1f}x"
    assert told.rows[0][-3:] == (f"{100 * (1 - half / whole):.2f} %", smaller, smaller), "nothing taken is the baseline"
    assert [b["ratio"] for b in breaks] == [0.5, 0.5]


def test_a_reference_may_ask_whether_there_is_a_choice_at_all(done):
    _, found = done
    beside = {
        wanted: found.beside(Reference({"prune.recover": wanted, "prune.ratio": 0.5}, {})) for wanted in (True, None)
    }
    assert [row.cells["prune.by"] for row in beside[True]] == ["taylor", "magnitude"]
    assert beside[None] == []


def test_published_numbers_stand_beside_ours(done):
    _, found = done
    rows = {(one["of"], one["metric"]): one for one in swept.beside(found)}
    ours = rows["taylor, prune.ratio 0.5", "size"]
    mine = next(r for r in found.rows if r.cells.get("prune.by") == "taylor" and r.cells.get("prune.ratio") == 0.5)
    assert (ours["published"], ours["ours"], ours["how"]) == (4096.0, mine.measured("size").value, "measured")
    assert rows["baseline", "params"]["ours"] == found.rows[0].measured("params").value
    assert rows["lamp", "macs"]["ours"] is None
    text = swept.compared(found).plain()
    assert "not run" in text
    assert "of another file" in text
    assert "points" in text
    assert "times" in text


def test_its_table_and_its_document_hold_the_same_numbers(done):
    _, found = done
    said = json.loads(json.dumps(swept.document(found, {"torch": "2"}), allow_nan=False))
    assert said["schema"] == "autocompress.sweep/v1"
    assert said["environment"] == {"torch": "2"}
    tidy = {(r["prune.by"], r["prune.ratio"], r["metric"]): r for r in swept.tidy(found) if not r["baseline"]}
    for row in said["rows"][1:]:
        key = row["choices"]["prune.by"], row["choices"]["prune.ratio"]
        assert tidy[*key, "test_accuracy"]["value"] == row["test_accuracy"]["value"]
        assert tidy[*key, "params"]["value"] == next(m["value"] for m in row["measurements"] if m["metric"] == "params")
    lines = swept.table(found).plain().splitlines()
    assert lines[0] == "Two scores, two cuts"
    assert len(lines) == 2 + 7


def test_on_other_data_it_says_so_wherever_published_numbers_stand_beside(done):
    analysis, found = done
    assert not analysis.other_data
    other = type(found)(loaded(data="{use: digits, val: 0.3}"), found.rows)
    assert swept.compared(found).title == "beside what was published"
    assert swept.compared(other).title == "beside what was published, but on other data than the file says"
    assert swept.document(found, {})["data"] == {"": {"use": "digits"}}
    said = swept.document(other, {})
    assert (said["data"], said["other_data"]) == ({"": {"use": "digits", "val": 0.3}}, True)


def test_of_the_small_version_nothing_is_held_against_what_was_published(done):
    _, found = done
    small = type(found)(loaded(size="smoke"), found.rows)
    assert swept.compared(small) is None


# --- techniques ---

SPACE = {
    "student": STUDENT,
    "stages": [
        {
            "order": [
                {"use": "distill", "method": {"choice": ["none", {"use": "logit"}]}, "epochs": 3},
                {
                    "choice": [
                        "none",
                        {"use": "prune", "by": {"use": "magnitude"}, "ratio": 0.5, "recover": 2, "steps": 2},
                    ]
                },
            ]
        },
        {"choice": ["none", {"use": "quantize", "scheme": {"use": "onnx_static"}}]},
    ],
}


def test_every_technique_and_combination_trains_equally_long():
    spec = loaded().cases[0].spec.model_copy(update={"space": SPACE})
    analysis = techniques(spec, 3)
    (case,) = analysis.cases
    trees = [Recipe.of(fill(case.spec.space, lambda at, hole, p=p: p[at])) for p in case.fillings]
    assert [epochs(tree.tree) for tree in trees] == len(trees) * [3 + 2 * 2]
    names = [case.names[tree.key] for tree in trees]
    assert names[:4] == [ALONE, "distillation", "pruning", "quantization"]
    assert "pruning, then distillation, then quantization" in names
    assert len(set(names)) == len(names) == 10
    assert trees[0].tree["stages"] == [{"use": "distill", "method": "none", "epochs": 7}]
    assert not any("quantization, then" in name for name in names), "the space has no room for it"


def test_who_cannot_train_just_as_long_is_named_and_left_as_it_is():
    """A lottery trains in rounds: an epoch more is two more."""
    rounds = {"use": "lottery", "by": "magnitude", "sparsity": 0.5, "rounds": 1, "epochs": 2}
    first = {"student": STUDENT, "stages": [rounds, {"use": "finetune", "epochs": 3}]}
    assert epochs(first) == 7
    assert lengthened(first, 8)["stages"] == [rounds, {"use": "finetune", "epochs": 4}]
    assert lengthened({"student": STUDENT, "stages": [rounds]}, 5) == {"student": STUDENT, "stages": [rounds]}


def test_a_space_without_a_choice_of_techniques_has_nothing_to_compare():
    spec = loaded().cases[0].spec.model_copy(update={"space": {"student": STUDENT, "stages": []}})
    with pytest.raises(StudyError, match="nothing to compare"):
        techniques(spec, 1)


def test_a_shipped_study_can_be_compared_like_that():
    names = techniques(load_study("quickstart"), 3).cases[0].names.values()
    assert {ALONE, "distillation", "pruning", "quantization", "distillation, then pruning, then quantization"} <= {
        *names
    }


# --- the command ---


def test_the_command_writes_tables_and_figures(tmp_path, monkeypatch, capsys):
    from autocompress.cli.sweep import sweep

    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))
    file = tmp_path / "cuts.yaml"
    file.write_text(FILE)
    sweep(str(file), smoke=True, out=Path(tmp_path / "out"), plain=True)
    said = capsys.readouterr()
    assert "scale: tiny, on digits" in said.err, "what is smaller is said where the numbers are"
    assert said.out.startswith("Two scores, two cuts\n")
    assert "cuts-smoke: 2 trainings" in said.err
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"figures", "sweep.csv", "sweep.parquet", "sweep.json"}
    assert json.loads((tmp_path / "out" / "sweep.json").read_text())["size"] == "smoke"
