"""`analyse explain`: models of a study beside its baseline, as a table, as tidy files and as figures."""

import csv
import io
import json
import sys

import pandas as pd
import pytest
from PIL import Image
from test_compression import CUT, INT8, LEARN, STUDENT, study

from autocompress.cli.app import main
from autocompress.errors import StudyError
from autocompress.reports import explained as told
from autocompress.study import explain
from autocompress.study.evaluate import FunctionWork
from autocompress.study.examining.examiner import Examiner
from autocompress.study.lock import held
from autocompress.study.study import Study
from autocompress.values.examination import Examination
from autocompress.values.front import Front
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget
from autocompress.values.trial import Trial

pytestmark = pytest.mark.xdist_group("a study whose models are explained")  # it is run once

SMALL = {"sampler": {"use": "random"}, "first": "nothing", "driver": {"use": "serial"}}
SIZE = Objective(metric="size", direction="minimize")
HEADS = [
    "test accuracy",
    "equal answers",
    "KL, nats",
    "likeness (SSIM)",
    "light ± 40 %",
    "light ± 80 %",
    "calibration error",
    "recipe",
]


@pytest.fixture(scope="module")
def homed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def done(homed):
    """A model on the front, one that is not, and one that was refused."""
    student = {**STUDENT, "width": {"choice": [4, 64]}}
    space = {"student": student, "stages": [LEARN, {"choice": [CUT, INT8]}]}
    limit = Limit(metric="params", side="max", bound=50_000, hard=True)
    ended = Study.of(
        study(name="told", space=space, objectives=(SIZE,), limits=(limit,), budget=Budget(trials=2), **SMALL)
    )
    ended.run()
    return ended


@pytest.fixture
def program(done, capsys, monkeypatch):
    """In this process: its exit code, what it printed, and what it said."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["autocompress", "analyse", "explain", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


@pytest.fixture(scope="module")
def asked(done, tmp_path_factory):
    """Of the model on the front and of one beside it, into a folder."""
    front, other = done.front().members[0].number, next(t.number for t in done.trials if "onnx_static" in t.recipe.line
                                                        and "model" in t.artifacts)  # fmt: skip
    assert set(done.examinations) == {front}
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["autocompress", "analyse", "explain", "told", "--trial", str(front), "--trial",
                                    str(other), "--out", str(folder)])  # fmt: skip
        out = io.StringIO()
        patch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 0
    return (front, other), folder, out.getvalue()


def read(folder, name):
    """The CSV as text by text, and the same table from Parquet."""
    rows = list(csv.DictReader(io.StringIO((folder / f"{name}.csv").read_text())))
    frame = pd.read_parquet(folder / f"{name}.parquet")
    assert len(rows) == len(frame)
    assert list(rows[0]) == list(frame.columns)
    return rows, frame


def test_models_that_nobody_examined_are_examined_and_kept(done, asked):
    (front, other), *_ = asked
    assert set(done.examinations) == {front, other}
    assert done.examinations[other].model == next(t for t in done.trials if t.number == other).artifacts["model"]
    assert str(other) in done.fact("test_accuracy")


def test_what_is_known_is_told_without_looking_again_even_while_the_study_runs(done, asked, program, monkeypatch):
    monkeypatch.setattr(Examiner, "examined", lambda *_: pytest.fail("it is known"))
    with held(done.folder, "told"):
        code, out, err = program("told", "--trial", asked[0][1])
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "told: models on the test split; ± is one standard error"


def test_the_table_holds_what_the_examinations_hold(done, asked):
    numbers, _, text = asked
    lines = text.splitlines()
    assert [part.strip() for part in lines[2].split("  ") if part.strip()] == HEADS
    rows = {line.split("  ")[0]: line for line in lines[3:]}
    assert list(rows) == ["baseline", *(f"trial {n}" for n in numbers)]
    for number in numbers:
        seen, row = done.examinations[number], rows[f"trial {number}"]
        accuracy, same, far = seen.answers.accuracy, seen.changes.agreement, seen.changes.divergence
        like, error = seen.heat.similarity, seen.answers.calibration.error
        shares = [(accuracy.value, accuracy.spread), (same.value, same.spread)]
        light = [(m.value, m.spread) for s, m in zip(seen.light.strengths, seen.light.accuracy, strict=True)
                 if s in (0.4, 0.8)]  # fmt: skip
        expected = [f"{100 * a:.2f} ± {100 * b:.2f} %" for a, b in shares]
        expected += [f"{one.value:.3f} ± {one.spread:.3f}" for one in (far, like)]
        expected += [f"{100 * a:.2f} ± {100 * b:.2f} %" for a, b in [*light, (error.value, error.spread)]]
        found = [cell.strip() for cell in row.split("  ") if cell.strip()]
        assert found == [f"trial {number}", *expected, next(t for t in done.trials if t.number == number).recipe.line]
    cells = [cell.strip() for cell in rows["baseline"].split("  ") if cell.strip()]
    tested = done.fact("test_accuracy")["baseline"]
    assert cells[1:5] == [f"{100 * tested['value']:.2f} ± {100 * tested['spread']:.2f} %", "–", "–", "–"]
    assert cells[-1].startswith("resnet(depth 8, width 8)")


def test_tidy_tables_hold_the_same(done, asked):
    numbers, folder, _ = asked
    rows, frame = read(folder, "explain")
    assert list(rows[0]) == ["model", "trial", "number", "value", "spread", "n"]
    assert len(rows) == 4 + 2 * 7  # nobody compares the baseline with itself
    assert {row["model"] for row in rows if not row["trial"]} == {"baseline"}
    assert frame["trial"].dtype == "Int64"
    for number in numbers:
        seen = done.examinations[number]
        mine = {row["number"]: row for row in rows if row["trial"] == str(number)}
        assert list(mine) == list(told.NUMBERS)
        assert float(mine["kl_divergence"]["value"]) == seen.changes.divergence.value
        assert float(mine["gradcam_ssim"]["spread"]) == seen.heat.similarity.spread
        assert int(mine["gradcam_ssim"]["n"]) == 64
        assert float(mine["test_accuracy"]["value"]) == seen.answers.accuracy.value
        assert frame[(frame["trial"] == number) & (frame["number"] == "equal_answers")]["value"].item() == (
            seen.changes.agreement.value
        )
    light, _ = read(folder, "light")
    assert len(light) == 3 * 5
    seen = done.examinations[numbers[1]].light
    assert [float(row["accuracy"]) for row in light if row["trial"] == str(numbers[1])] == [
        m.value for m in seen.accuracy
    ]
    assert [float(row["accuracy"]) for row in light if row["model"] == "baseline"] == [m.value for m in seen.baseline]
    classes, _ = read(folder, "classes")
    assert len(classes) == 3 * 10
    for number, column in ((numbers[0], "right"), ("", "baseline_right")):
        expected = [getattr(one, column) for one in done.examinations[numbers[0]].answers.classes]
        mine = [row for row in classes if row["trial"] == str(number)]
        assert [int(row["right"]) for row in mine] == expected
        assert [float(row["accuracy"]) for row in mine] == pytest.approx(
            [int(row["right"]) / int(row["n"]) for row in mine]
        )


def test_figures_say_what_is_to_be_seen(done, asked):
    numbers, folder, _ = asked
    names = {"light", *(f"{kind}-{n}" for kind in ("weights", "looks") for n in numbers)}
    assert {file.name for file in (folder / "figures").iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("svg", "png", "pdf")
    }
    light = (folder / "figures" / "light.svg").read_text()
    for text in ("baseline", *(f"trial {n}" for n in numbers), "brightness and contrast of each image change at most"):
        assert text in light
    weights = (folder / "figures" / f"weights-{numbers[0]}.svg").read_text()
    assert f"Weights of trial {numbers[0]} that are not 0; outlined: trained and not yet compressed" in weights
    heat = done.examinations[numbers[0]].heat
    looks = (folder / "figures" / f"looks-{numbers[0]}.svg").read_text()
    assert looks.count("<image ") == 5 * len(heat.looks)  # the picture, and two of it below heat
    assert f"over 64 images: {heat.similarity.value:.3f} ± {heat.similarity.spread:.3f}" in looks
    for look in heat.looks:
        assert f"image {look.image}<" in looks
        assert f"likeness {look.similarity:.2f}".replace("-", "−") in looks
    drawn = Image.open(folder / "figures" / f"looks-{numbers[0]}.png").convert("RGB")
    red = sum(n for n, (r, g, b) in drawn.getcolors(1 << 24) if r > g + 60 and r > b + 60)
    assert red > 0.02 * drawn.width * drawn.height  # heat is laid over pictures


def test_the_document_is_the_same_on_stdout_and_in_the_folder(asked, program):
    numbers, folder, _ = asked
    code, out, _ = program("told", "--trial", numbers[0], "--trial", numbers[1], "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == "autocompress.explain/v1"
    assert document == json.loads((folder / "explain.json").read_text())
    assert [one["trial"] for one in document["models"]] == [None, *numbers]
    assert set(document["models"][1]["numbers"]) == set(told.NUMBERS)


def test_without_a_word_it_is_the_front(done, program):
    code, out, err = program("told", "--json")
    assert (code, err) == (0, "")
    assert [one["trial"] for one in json.loads(out)["models"]] == [None, done.front().members[0].number]


def test_where_files_are_is_said(asked, program, tmp_path):
    code, _, err = program("told", "-o", tmp_path / "here")
    number = asked[0][0]
    assert code == 0
    assert err == (
        f"written to {tmp_path / 'here'}: explain.csv, explain.parquet, light.csv, light.parquet, classes.csv, "
        f"classes.parquet, explain.json; figures/ light, looks-{number}, weights-{number} (svg, png, pdf)\n"
    )
    assert not list((tmp_path / "here").rglob(".*"))


def test_mistakes_are_told_in_words(done, program):
    refused = next(t.number for t in done.trials if t.state == "infeasible")
    last = done.trials[-1].number
    for arguments, code, text in [
        (["nobody"], 2, "there is no study 'nobody' in "),
        (["told", "--trial", 99], 5, f"study 'told' has no trial 99; it has 0 to {last}\n"),
        (["told", "--trial", refused], 5, f"trial {refused} has no model to look into: it is infeasible\n"),
        (["told", *(w for n in range(9) for w in ("--trial", n))], 2,
         "Invalid value for --trial: at most 8 models at once\n"),
    ]:  # fmt: skip
        ended, out, err = program(*arguments)
        assert ended == code, err
        assert out == ""
        assert text in err


def test_what_is_not_known_of_a_study_that_runs_has_to_wait(done, asked, program):
    new = next(t.number for t in done.trials if "model" in t.artifacts and t.number not in done.examinations)
    with held(done.folder, "told"):
        code, out, err = program("told", "--trial", new)
    assert (code, out) == (5, "")
    assert "study 'told' is already being run by process " in err
    assert err.endswith("; wait for it, or stop it\n")


def test_a_function_has_no_network(program):
    spec = study(name="function", space={"width": {"int": [1, 4]}}, device=None, data={}, teacher=None,
                 objectives=(SIZE,), budget=Budget(trials=2), **SMALL)  # fmt: skip
    Study.of(spec, work=FunctionWork(lambda recipe, fidelity: {"size": 1.0})).run()
    code, _, err = program("function")
    assert code == 5
    assert "study 'function' searches a function of yours; there is no network to look into\n" in err


def test_without_a_teacher_models_stand_alone(program, tmp_path):
    alone = study(
        name="alone",
        space={"student": {**STUDENT, "width": 4}, "stages": [{"use": "finetune", "epochs": 1}]},
        teacher=None,
        objectives=(SIZE,),
        budget=Budget(trials=1),
        **SMALL,
    )
    Study.of(alone).run()
    code, out, err = program("alone", "-o", tmp_path)
    assert code == 0
    (row,) = out.splitlines()[3:]
    cells = [cell.strip() for cell in row.split("  ") if cell.strip()]
    assert cells[0] == "trial 0"
    assert cells[2:5] == ["–", "–", "–"]
    assert err.startswith("nothing is compared with a baseline: this study has no teacher\n")
    rows, _ = read(tmp_path, "explain")
    assert [row["number"] for row in rows] == [
        "test_accuracy",
        "accuracy_light_0.4",
        "accuracy_light_0.8",
        "calibration_error",
    ]
    looks = (tmp_path / "figures" / "looks-0.svg").read_text()
    assert looks.count("<image ") == 3 * looks.count("it is: ")
    assert "baseline" not in looks


# --- by hand ---


class Many:
    """A study with a front of eleven: the larger, the better."""

    spec = study(name="many")

    def front(self):
        objectives = (Objective(metric="accuracy", direction="maximize"), SIZE)

        def one(n):
            numbers = {"accuracy": 0.5 + n / 100, "size": 100.0 + n}
            measured = tuple(Measurement(metric=m, value=v, how="measured", on="x") for m, v in numbers.items())
            return Trial(number=n, recipe=Recipe.of({"student": STUDENT}), state="complete", measurements=measured)

        return Front(tuple(one(n) for n in range(10, -1, -1)), objectives)


def test_of_a_large_front_eight_are_told_the_picks_among_them():
    models, more = explain.chosen(Many())
    picks = {pick.trial.number for pick in Many().front().picks().values()}
    assert (len(models), more) == (8, 3)
    assert picks <= {t.number for t in models}
    assert [t.number for t in models] == sorted((t.number for t in models), reverse=True)


def test_an_empty_front_wants_a_trial(monkeypatch):
    monkeypatch.setattr(Many, "front", lambda self: Front((), (SIZE,)))
    with pytest.raises(StudyError, match=r"^study 'many' has no model on its front yet; name others with --trial$"):
        explain.chosen(Many())


def test_what_could_not_be_found_out_is_said_once_for_all_who_share_the_reason():
    def one(number, **notes):
        t = Trial(number=number, recipe=Recipe.of({"student": STUDENT}), state="complete")
        return explain.Explained(t, Examination(model="m", notes=notes))

    found = [one(1, heat="no map"), one(2, heat="no map", weights_before="unknown"), one(3, answers="it does not run")]
    base = explain.Baseline(Recipe.of({"student": STUDENT}), None)
    said = ["trials 1, 2: no heat maps: no map", "trial 3: no answers: it does not run"]
    assert told.missing(found, base) == said
    assert told.missing([one(4, baseline="it is gone")], base) == ["trial 4: not beside the baseline: it is gone"]
    assert told.missing([*found, one(4, baseline="there is none")], None) == [
        *said,
        "nothing is compared with a baseline: this study has no teacher",
    ]
    assert told.figures(told.rows(found, None), found) == {}
    assert {cell for row in told.rows(found, None) for cell in told.cells(row)} == {"–"}
