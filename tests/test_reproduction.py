"""One trial is made again from nothing: what comes out is compared with what is kept, and nothing kept helps it."""

import json
import shutil
import sqlite3
import sys
from dataclasses import dataclass, field

import pytest
from fakes import Pretend, spec
from outside import STUDY

import autocompress as ac
from autocompress.cli.app import main
from autocompress.data.base import loaded
from autocompress.errors import Failure, StudyError
from autocompress.study import reproduction
from autocompress.study.environment import environment
from autocompress.study.home import home
from autocompress.study.lock import held
from autocompress.study.store import Store
from autocompress.study.study import Study
from autocompress.values.job import Done, Gated, Outcome, Rung
from autocompress.values.measurement import Measurement

PLAIN, TAUGHT = "cnn(depth 2, width 4) → finetune(epochs 2)", "distill"
DIGITS = (
    STUDY.replace("choice: [4, 8, 12]", "choice: [4]")
    .replace("choice: [2, 3, 4]", "choice: [2]")
    .replace(
        "- {use: distill, method: {choice: [none, {use: logit, temperature: auto}]}, epochs: {int: [1, 2]}}",
        "- {use: finetune, epochs: 2}\n    - {choice: [none, {use: distill, method: {use: logit}, epochs: 1}]}",
    )
    .replace("    - {choice: [none, {use: quantize, scheme: onnx_static}]}\n", "")
    .replace("local, workers: 1", "serial")
    .replace("trials: 3, variants: 0", "trials: 2, variants: 0, replicas: 2")
    .replace("use: local, protocol: {warmup: 1, runs: 3, processes: 1}", "use: estimate")  # no clocks: quick
    .replace("latency_p50, ", "")
    .replace("width: 8, depth: 3", "width: 4, depth: 2")  # the teacher's only stage is the first of both models
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A home with a study of two models: what its teacher is, and the same taught by it."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "small.yaml").write_text(DIGITS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(folder / "home"))
        study = ac.load(folder / "small.yaml")
        study.closely = False
        study.run()
    return folder / "home"


@pytest.fixture
def study(digits, tmp_path, monkeypatch):
    """It again, to be changed."""
    shutil.copytree(digits, tmp_path / "home")
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))
    return Study.open("small")


@pytest.fixture
def cli(monkeypatch, capsys):
    def program(*arguments):
        monkeypatch.setattr(sys, "argv", ["autocompress", "reproduce", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return end.value.code, told.out, told.err

    return program


def of(study, kind):
    """The first trial that was trained, of those that are taught or plain."""
    return next(t for t in study.trials if (TAUGHT in t.recipe.line) == (kind == TAUGHT) and t.seed == 0)


def facts(study, **changed):
    store = Store(f"sqlite:///{study.folder / 'study.db'}", "small")
    for name, value in changed.items():
        store.set_fact(name, value)
    store.close()


def forge(study, number, change):
    """A stored result, as somebody could who has the file."""
    with sqlite3.connect(study.folder / "study.db") as file:
        where = "key = 'result' and trial_id = (select trial_id from trials where number = ?)"
        (text,) = file.execute(f"select value_json from trial_user_attributes where {where}", (number,)).fetchone()
        result = json.loads(text)
        change(result)
        file.execute(f"update trial_user_attributes set value_json = ? where {where}", (json.dumps(result), number))


def followed(study, trial):
    said, steps = [], reproduction.steps(study, trial)
    while True:
        try:
            said.append(next(steps))
        except StopIteration as end:
            return said, end.value


# --- for real ---


def test_the_pick_comes_out_the_same_bit_for_bit(study, cli):
    pick = study.front().pick("accuracy-first").trial
    itself = next(t for t in study.trials if t.number == pick.number)
    assert itself.measured("accuracy") != pick.measured("accuracy"), "the front shows the mean of two seeds"
    shutil.copytree(home() / "cache", home() / "before")
    code, out, err = cli("small")
    shown = {line[:25].strip(): line[25:].split() for line in out.splitlines()}
    model = itself.artifacts["model"][:12]
    assert shown["model file"] == [model, model, "equal,", "bit", "for", "bit"]
    assert {line.rsplit("  ", 1)[1] for line in out.splitlines()[1:-2]} == {"equal"}
    assert {"accuracy", "test accuracy", "file size", "parameters"} <= set(shown)
    assert err.splitlines() == [
        f"small: trial {pick.number}, trained again from nothing with seed {itself.seed}; "
        "its teacher is taken over, not trained",
        pick.recipe.line,
        "reproduced, bit for bit",
    ]
    assert code == 0
    assert sorted(p.name for p in reproduction.place(study).iterdir()) == ["artifacts", "references"]


def test_nothing_of_the_cache_is_read_and_twice_is_trained_twice(study):
    trial = of(study, TAUGHT)
    for file in (home() / "cache").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    before = {p: p.stat().st_mtime_ns for p in (home() / "cache").rglob("*")}
    for _ in range(2):
        said, found = followed(study, trial)
        assert [text.partition(",")[0] for text in said] == [
            *("finetune: epoch 1/2", "finetune: epoch 2/2", "distill: epoch 1/1", "exporting and measuring")
        ]
        assert found.exactly
    assert {p: p.stat().st_mtime_ns for p in (home() / "cache").rglob("*")} == before
    assert not study.running


def test_a_teacher_is_taken_over_from_its_files_and_is_no_stage_of_a_candidate(study):
    plain, taught = of(study, PLAIN), of(study, TAUGHT)
    assert plain.artifacts["weights"] == study.fact("baseline_artifacts")["weights"], "it is the teacher, made again"
    facts(study, baseline_artifacts=taught.artifacts)  # a wrong teacher, of the right shape
    seen = study.folder / "references" / "images.sha256"
    true = seen.read_text()
    assert true == loaded({"use": "digits"}).digest
    seen.write_text("e" * 64)
    found = followed(study, plain)[1]
    assert found.exactly
    assert found.around == {"images": ("e" * 64, true)}
    assert not any(file.equal for file in followed(study, taught)[1].files)


def test_a_forged_accuracy_is_told(study, cli):
    trial = of(study, PLAIN)
    true = trial.value("accuracy")

    def better(result):
        for m in result["measurements"]:
            m["value"] += 0.004 * (m["metric"] == "accuracy")

    forge(study, trial.number, better)
    code, out, err = cli("small", "--trial", trial.number, "--json")
    told = json.loads(out)
    assert code == 4
    assert (told["schema"], told["study"], told["trial"], told["seed"]) == (
        *("autocompress.reproduction/v1", "small", trial.number, 0),
    )
    assert (told["reproduced"], told["exactly"], told["failed"], told["changed"]) == (False, False, None, {})
    wrong = {row["metric"]: row for row in told["numbers"] if row["verdict"] != "equal"}
    assert set(wrong) == {"accuracy"}
    assert wrong["accuracy"]["verdict"] == "differs"
    assert wrong["accuracy"]["decides"]
    assert wrong["accuracy"]["before"]["value"] == pytest.approx(true + 0.004)
    assert wrong["accuracy"]["after"]["value"] == true
    assert [(file["role"], file["equal"]) for file in told["files"]] == [("model", True), ("weights", True)]
    assert err.splitlines()[-2:] == [
        "not reproduced: accuracy",
        f"its files: {reproduction.place(study) / 'artifacts'}",
    ]


# --- what is said: by a worker that only pretends ---


@dataclass
class Worker:
    """Takes the place of the training; `specs` is what it was given."""

    numbers: tuple[Measurement, ...] = ()
    failure: Failure | None = None
    specs: list = field(default_factory=list)

    def __call__(self, spec, folder, cache):
        self.specs.append(spec)
        return self.work

    def work(self, job):
        assert (yield Gated(job.number, ()))
        assert (yield Rung(job.number, 0.5, ()))
        if self.failure:
            raise self.failure
        yield Done(job.number, Outcome("complete", self.numbers, {"model": "c" * 64, "weights": "d" * 64}))


def m(metric, value, spread=None):
    return Measurement(metric=metric, value=value, how="measured", spread=spread)


@pytest.fixture
def told(study, cli, monkeypatch):
    """Then: these numbers. Now: others, elsewhere, from other images."""

    def program(then, now=(), failure=None):
        trial = of(study, PLAIN)
        forge(study, trial.number, lambda result: result.update(measurements=[x.model_dump() for x in then]))
        facts(study, test_accuracy={})
        program.worker = Worker(now, failure)
        monkeypatch.setattr(reproduction, "Compression", program.worker)
        code, out, err = cli("small", "--trial", trial.number)
        return code, out, err.splitlines()[2:]

    return program


THEN = (m("accuracy", 0.9, 0.01), m("size", 2048), m("latency_p50", 1e-3, 1e-5))


def test_within_noise_in_other_surroundings_is_reproduced(told, study, monkeypatch):
    (study.folder / "references" / "images.sha256").write_text("e" * 64)
    monkeypatch.setattr(reproduction, "environment", lambda: environment() | {"torch": "3.0", "cores": "9999"})
    now = (m("accuracy", 0.893, 0.01), m("size", 2048), m("latency_p50", 2e-3, 1e-5), m("ece", 0.05))
    code, out, said = told(THEN, now)
    was = environment()
    model, weights = (of(study, PLAIN).artifacts[role][:12] for role in ("model", "weights"))
    assert out == (
        "                             then             now\n"
        "accuracy           90.00 ± 1.00 %  89.30 ± 1.00 %  within noise, −0.7 points\n"
        "file size                2.00 KiB        2.00 KiB  equal\n"
        "latency (median)   1.00 ± 0.01 ms  2.00 ± 0.01 ms  differs\n"
        "calibration error               –          5.00 %  new\n"
        f"model file           {model}    cccccccccccc  differs\n"
        f"weights file         {weights}    dddddddddddd  differs\n"
    )
    assert said == [
        f"cores was {was['cores']}, is 9999",
        f"images was {'e' * 64}, is not known",
        f"torch was {was['torch']}, is 3.0",
        "by the clock it differs, which does not count: latency (median)",
        "reproduced within noise: accuracy",
    ]
    assert code == 0


def test_equal_numbers_of_other_files_are_reproduced(told):
    code, _, said = told(THEN, THEN)
    assert (code, said[-1]) == (0, "reproduced; its files differ")


def test_what_differs_is_named(told, study):
    code, out, said = told(THEN, (m("accuracy", 0.8, 0.01), m("size", 2049), m("latency_p50", 9e-3, 1e-5)))
    assert code == 4
    assert "differs, −10.0 points\n" in out
    assert said[-2:] == [
        "not reproduced: accuracy, file size",
        f"its files: {reproduction.place(study) / 'artifacts'}",
    ]


def test_a_training_that_now_diverges_is_not_the_same(told):
    code, out, said = told(THEN, failure=Failure("nan_loss", "it diverged"))
    assert code == 4
    assert "accuracy          90.00 ± 1.00 %    –  gone\n" in out
    assert said[-2] == "not reproduced: it could not be made: [nan_loss] it diverged"


def test_what_cannot_be_done_says_nothing_of_the_model(told, study):
    code, out, said = told(THEN, failure=Failure("out_of_memory", "too large"))
    assert (code, out) == (5, "")
    assert said == [f"cannot reproduce trial {of(study, PLAIN).number}: [out_of_memory] too large"]


def test_nothing_stops_it_and_it_runs_in_the_runtime_it_was_chosen_in(told, study):
    stored = study.spec.model_dump(mode="json")
    stored["limits"] = [{"metric": "size", "side": "max", "bound": 1.0}]
    stored["device"]["runtimes"] = [{"name": "torch"}, {"name": "onnxruntime"}, {"name": "onnxruntime", "threads": 2}]
    facts(study, spec=stored)
    assert told(THEN, THEN)[0] == 0
    (given,) = told.worker.specs
    assert [(one.name, one.threads) for one in given.device.runtimes] == [("onnxruntime", 1)]
    assert [limit.hard for limit in given.limits] == [False]
    assert [limit.metric for limit in given.limits] == ["size"], "what is asked for is measured"


# --- what cannot be done ---


def test_images_that_are_gone_are_exit_5(study, cli):
    facts(study, spec=study.spec.model_dump(mode="json") | {"data": {"use": "npz", "path": "nowhere.npz"}})
    code, out, err = cli("small", "--trial", of(study, PLAIN).number)
    assert (code, out) == (5, "")
    assert "cannot reproduce trial" in err
    assert "nowhere.npz: no such file" in err


def test_a_damaged_teacher_is_exit_5(study, cli):
    study.artifacts.path(study.fact("baseline_artifacts")["weights"]).write_bytes(b"damaged")
    code, _, err = cli("small", "--trial", of(study, TAUGHT).number)
    assert code == 5
    assert "is damaged: its content no longer has the digest in its name" in err


def test_who_has_no_model_or_is_none_or_is_asked_for_twice(study, cli):
    code, _, err = cli("small", "--trial", 99)
    assert (code, "has no trial 99; it has 0 to" in err) == (5, True)
    forge(study, 0, lambda result: result.update(state="infeasible", artifacts={}))
    code, _, err = cli("small", "--trial", 0)
    assert (code, err) == (5, "trial 0 has no model to reproduce: it is infeasible\n")
    assert cli("small", "--trial", 0, "--pick", "fastest")[0] == 2
    assert cli("small", "--pick", "prettiest")[0] == 2
    assert cli("nobody")[0] == 2


def test_nobody_searches_meanwhile(study, cli):
    with held(study.folder, "small"):
        code, _, err = cli("small")
    assert code == 5
    assert "study 'small' is already being run by" in err


def test_a_function_has_no_network(tmp_path, monkeypatch, cli):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    pretend = Study.of(spec(budget=ac.Budget(trials=4)), work=Pretend())
    pretend.run()
    code, out, err = cli("pretend")
    assert (code, out) == (5, "")
    assert err == "study 'pretend' searches a function of yours; there is no network to train again\n"
    for study in (pretend, Study.open("pretend")):
        with pytest.raises(StudyError, match="there is no network to train again"):
            next(reproduction.steps(study, study.trials[0]))
