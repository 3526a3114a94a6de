"""A front is trained again with fresh seeds: each once, whatever happens, and the search stays as it was."""

import json
import shutil
import sys
from dataclasses import dataclass, field

import pytest
from fakes import Pretend, spec
from outside import STUDY

import autocompress as ac
from autocompress.cli.app import main
from autocompress.config.load import load_study
from autocompress.errors import Failure, StudyError
from autocompress.study.core import Brake
from autocompress.study.inheritance import Inheritance
from autocompress.study.lock import held
from autocompress.study.study import Study
from autocompress.study.validation import FRESH, fresh, steps
from autocompress.study.wishes import Wish
from autocompress.values.job import BASELINE, Done, Gated, Outcome
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.study import Budget

AIMS = (Objective(metric="accuracy", direction="maximize"), Objective(metric="size", direction="minimize"))
TRUE = {8: 0.80, 16: 0.85, 24: 0.84}  # accuracy of each width; 24 was lucky in the search


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))


@dataclass
class World:
    """Three widths and their luck; `done` is all that was ever worked at: (number, width, seed)."""

    fails: tuple[int, ...] = ()  # widths that diverge with fresh seeds
    grows: int = 0  # bytes that fresh seeds add
    done: list[tuple[int, int, int]] = field(default_factory=list)

    def __call__(self, job):
        width, late = job.recipe.student["width"], job.seed >= FRESH
        size = Measurement(metric="size", value=width + self.grows * late, how="counted")
        if not (yield Gated(job.number, (size,))):
            yield Done(job.number, Outcome("stopped", (size,)))
            return
        self.done.append((job.number, width, job.seed))
        if late and width in self.fails:
            raise Failure("nan_loss", "it diverged")
        right = TRUE[width] + (0.002 * (job.seed % 2) if late else 0.06 * (width == 24))
        accuracy = Measurement(metric="accuracy", value=right, how="measured", spread=0.001)
        yield Done(job.number, Outcome("complete", (accuracy, size), seconds=1.0, stages=1))


def three(world, seeds=0, widths=(8, 16, 24), **changes):
    """A study that has tried these widths and no more: trial 0 is the first of them."""
    settings = {
        "space": {"student": {"use": "cnn", "width": {"choice": [8, 16, 24]}}},
        "objectives": AIMS,
        "limits": (),
        "driver": {"use": "simulated", "workers": 2},
        "budget": Budget(trials=0, validation=seeds),
        "seed": 3,
    }
    study = Study.of(spec(**settings | changes), work=world)
    study.inherits = Inheritance(tuple(Wish({"student.width": str(w)}, "inherited", w, 3) for w in widths))
    return study


@pytest.fixture(scope="module")
def over(tmp_path_factory):
    """The folder of a study that was searched and not validated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(tmp_path_factory.mktemp("over")))
        study = three(World())
        study.run()
    return study.folder


@pytest.fixture
def searched(over):
    """It again, for whoever wants to change it."""
    study = three(World())
    shutil.copytree(over, study.folder)
    return study


def verdicts(study):
    widths = {t.number: t.recipe.student["width"] for t in study.trials}
    return {widths[number]: one.verdict for number, one in study.validated.items()}


def again(study, seeds):
    for _ in steps(study, seeds):
        pass


# --- what is done ---


def test_the_lucky_one_falls_off_at_the_end_of_the_study():
    study = three(world := World(), seeds=2)
    front = study.run()
    assert {t.recipe.student["width"] for t in front.members} == {8, 16, 24}
    assert verdicts(study) == {24: "fell off", 16: "holds", 8: "holds"}
    assert {one.seeds for one in study.validated.values()} == {(3 + FRESH, 4 + FRESH)}
    assert len(world.done) == 3 + 3 * 2
    assert {(t.seed, t.fidelity, t.state) for t in study.validation.trials} == {
        (seed + FRESH, 1.0, "complete") for seed in (3, 4)
    }
    assert study.front() == front, "nothing of it is the search's"
    assert len(study.trials) == 3


def test_nobody_validates_who_was_not_asked(searched):
    assert searched.validation is None
    assert searched.validated == {}


def test_it_comes_after_the_control():
    study = three(World(), seeds=1, control="random")
    names = list(dict.fromkeys(loop.spec.name for _, loop in study.steps()))
    assert names == ["pretend", "pretend-control", "pretend-validation"]
    assert study.control.validation is None
    assert study.validation.control is None


def test_asked_again_it_does_nothing_and_with_more_seeds_only_those(searched):
    study, world = searched, searched.work
    again(study, 3)
    done = list(world.done)
    again(study, 3)
    again(study, 2)
    assert world.done == done
    again(study, 5)
    assert {seed for _, _, seed in world.done[len(done) :]} == {6 + FRESH, 7 + FRESH}
    assert len(world.done) == 3 * 5
    assert {one.seeds for one in study.validated.values()} == {tuple(range(3 + FRESH, 8 + FRESH))}


def test_a_front_that_has_grown_adds_its_new_members():
    study = three(world := World(), widths=(24,))
    study.run()
    again(study, 2)
    assert verdicts(study) == {24: "holds"}
    wider = three(world)
    wider.run()
    assert len(wider.front()) == 3
    assert verdicts(wider) == {24: "holds"}, "the others were not tried yet"
    before = len(world.done)
    again(wider, 2)
    assert len(world.done) == before + 2 * 2
    assert verdicts(wider) == {24: "fell off", 16: "holds", 8: "holds"}


@pytest.mark.parametrize("lives", [(0,), (1, 1, 1), (2, 5), (3, 3, 3, 3)])
def test_killed_at_any_time_it_trains_each_once(lives, searched):
    study = searched
    for stop in lives:
        stopped = steps(study, 3)
        for _ in range(stop):
            next(stopped)
        stopped.close()
    again(study, 3)
    trials = study.validation.trials
    assert len(trials) == 9
    assert {(t.of, t.seed) for t in trials} == {(n, s + FRESH) for n in range(3) for s in (3, 4, 5)}
    assert {t.state for t in trials} == {"complete"}
    assert verdicts(study) == {24: "fell off", 16: "holds", 8: "holds"}


def test_a_brake_stops_it_and_it_goes_on():
    study, brake = three(World(), seeds=2), Brake()
    for happening, loop in study.steps(brake):
        if loop.spec.name == "pretend-validation" and happening.kind == "ended":
            brake.level = 1
    assert 0 < len(study.validation.trials) - sum(t.state == "waiting" for t in study.validation.trials) < 6
    study.run()
    assert {t.state for t in study.validation.trials} == {"complete"}
    assert len(study.validation.trials) == 6


def test_a_search_that_was_stopped_is_not_validated_yet():
    study, brake = three(World(), seeds=2), Brake()
    for happening, _ in study.steps(brake):
        if happening.kind == "ended":
            brake.level = 1
    assert study.validation is None


def test_nobody_searches_meanwhile(searched):
    study = searched
    with held(study.folder, "pretend"), pytest.raises(StudyError, match="study 'pretend' is already being run by"):
        again(study, 1)
    running = steps(study, 1)
    next(running)
    assert study.running
    running.close()
    assert not study.running


def test_an_empty_front_has_nothing_to_validate():
    study = three(World(), seeds=2, limits=(Limit(metric="size", side="max", bound=1),))
    study.run()
    assert study.validation is None


def test_its_seeds_are_not_those_of_the_search():
    """Not even of what came from another study, whose seeds may be any."""
    study = three(World())
    study.inherits = Inheritance((Wish({"student.width": "16"}, "inherited", 0, 4 + FRESH),))
    study.run()
    assert [wish.seed for wish in fresh(study, 3)] == [3 + FRESH, 5 + FRESH, 6 + FRESH]
    again(study, 3)
    assert [t.seed for t in study.validation.trials] == [3 + FRESH, 5 + FRESH, 6 + FRESH]


def test_other_seeds_of_the_search_are_its_own():
    study = three(World(), budget=Budget(trials=0, replicas=2, validation=2))
    study.run()
    assert {t.seed for t in study.trials} == {3, 4}
    assert {t.seed for t in study.validation.trials} == {3 + FRESH, 4 + FRESH}
    assert verdicts(study)[16] == "holds"


def test_what_is_seen_while_it_runs_is_what_is_stored(searched):
    *_, (_, loop) = steps(searched, 3)
    assert loop.front.members == searched.validation.front().members


# --- limits, failures, baselines ---


def test_a_fresh_seed_that_breaks_a_limit_is_trained_to_its_end():
    limit = Limit(metric="size", side="max", bound=20)
    study = three(World(grows=6), seeds=2, limits=(limit,))
    study.run()
    assert {t.state for t in study.validation.trials} == {"complete"}
    assert verdicts(study) == {16: "broke a limit", 8: "holds"}
    assert study.spec.limits == (limit,)


def test_what_diverges_is_told_and_the_rest_goes_on():
    study = three(World(fails=(24,)), seeds=2)
    study.run()
    assert verdicts(study) == {24: "failed", 16: "holds", 8: "holds"}


@dataclass
class Taught(World):
    """With a teacher, who is made once."""

    made: list[int] = field(default_factory=list)

    def __call__(self, job):
        if job.number == BASELINE:
            self.made.append(job.seed)
        yield from super().__call__(job)


def test_the_baseline_is_taken_over():
    world = Taught()
    below = Limit(metric="accuracy", side="min", below_baseline=0.055)  # of 0.90, as the search has seen it
    teacher = {"student": {"use": "cnn", "width": 24}, "stages": []}
    study = three(world, seeds=2, limits=(below,), teacher=teacher)
    study.run()
    assert world.made == [3]
    assert study.validation.baseline == study.baseline
    assert verdicts(study) == {24: "broke a limit", 16: "holds"}


def test_any_function_can_be_validated():
    tried = []

    def wave(recipe, fidelity):
        tried.append(recipe.tree["x"])
        return {"accuracy": (1 - 1 / recipe.tree["x"], 0.001), "size": float(recipe.tree["x"])}

    aims = {"accuracy": "maximize", "size": "minimize"}
    study = ac.search({"x": {"int": [2, 60]}}, wave, objectives=aims, budget=ac.Budget(trials=6, validation=2))
    assert len(tried) == 6 + 2 * len(study.front())
    assert {one.verdict for one in study.validated.values()} == {"holds"}
    assert {one.test_accuracy for one in study.validated.values()} == {None}


def test_a_real_schedule_and_sampler_do_not_get_in_its_way():
    budget = Budget(trials=15, validation=1)
    study = Study.of(spec(budget=budget, sampler={"use": "ehvi"}, schedule={"use": "halving"}), work=Pretend())
    front = study.run()
    trials = study.validation.trials
    assert [t.recipe for t in trials] == [t.recipe for t in front.members], "flat encodings leave no hole open"
    assert {t.state for t in trials} == {"complete"}


# --- from outside ---


@pytest.fixture
def cli(monkeypatch, capsys):
    """The program, on a study of the pretend world: (exit code, stdout, stderr)."""

    def program(study, *arguments, verb="validate"):
        monkeypatch.setattr(Study, "open", lambda name, *, storage=None: study)
        monkeypatch.setattr(sys, "argv", ["autocompress", verb, study.spec.name, *arguments])
        monkeypatch.setattr("autocompress.reports.bundle.write", lambda view, folder: wrote.append(folder))
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return end.value.code, told.out, told.err

    wrote = program.wrote = []
    return program


def test_it_says_what_became_of_whom_and_exits_with_4_if_the_pick_was_luck(cli, searched):
    study = searched
    code, out, err = cli(study, "--seeds", "2")
    assert code == 4
    assert out == (
        "   trial  search accuracy  fresh accuracy  seeds  test accuracy  verdict\n"
        "*      2   90.00 ± 0.10 %  84.10 ± 0.10 %      2              –  fell off: trial 1 beats it: "
        "accuracy 85.10 ± 0.10 % against 84.10 ± 0.10 %, file size 16 B against 24 B\n"
        "       1   85.00 ± 0.10 %  85.10 ± 0.10 %      2              –  holds\n"
        "       0   80.00 ± 0.10 %  80.10 ± 0.10 %      2              –  holds\n"
    )
    lines = err.splitlines()
    assert lines[0] == "pretend: 3 models on the front, 2 fresh seeds each"
    assert "pretend-validation" in lines[1]
    assert lines[-2:] == [
        "winner's curse: +1.9 ± 2.0 points, by which the search's accuracy is above that of fresh seeds, over 3 models",
        "the pick, trial 2 (accuracy-first): fell off: trial 1 beats it: "
        "accuracy 85.10 ± 0.10 % against 84.10 ± 0.10 %, file size 16 B against 24 B",
    ]
    assert cli.wrote == [study.folder / "report"], "with what is known now"


def test_a_pick_that_holds_is_exit_0_and_a_failed_one_is_not(cli):
    study = three(World(), limits=(Limit(metric="size", side="max", bound=20),))
    study.run()
    assert cli(study)[0] == 0
    assert {len(one.seeds) for one in study.validated.values()} == {3}, "where nobody says how many"
    broken = three(World(fails=(24,)), name="broken")
    broken.run()
    code, out, _ = cli(broken, "--seeds", "1")
    assert code == 4
    assert (
        "*      2   90.00 ± 0.10 %               –      0              –  failed: 1 of 1 seeds failed (nan_loss)\n"
        in out
    )


def test_as_a_document(cli):
    study = three(World(), budget=Budget(trials=0, validation=2))
    study.run()
    code, out, _ = cli(study, "--json")
    told = json.loads(out)
    assert code == 4
    assert told["schema"] == "autocompress.validation/v1"
    assert (told["study"], told["pick"]) == ("pretend", {"trial": 2, "rule": "accuracy-first", "stands": False})
    assert told["winners_curse"]["members"] == 3
    assert [(m["trial"], m["verdict"], m["seeds"]) for m in told["members"]] == [
        (2, "fell off", [3 + FRESH, 4 + FRESH]),
        (1, "holds", [3 + FRESH, 4 + FRESH]),
        (0, "holds", [3 + FRESH, 4 + FRESH]),
    ], "as many as its file says"
    search, now = told["members"][0]["search"], told["members"][0]["fresh"]
    assert [m["metric"] for m in search] == [m["metric"] for m in now] == ["accuracy", "size"]
    assert told["members"][0]["test_accuracy"] is None


def test_a_search_that_validates_itself_ends_as_validate_does(cli):
    study = three(World(), seeds=2)
    code, out, err = cli(study, "--plain", verb="resume")
    assert code == 4
    assert out.splitlines()[0].split()[:2] == ["trial", "accuracy"]
    again, table, words = cli(study)
    assert again == 4
    told = [*table.splitlines(), *words.splitlines()[-2:]]
    assert told[-1].startswith("the pick, trial 2 (accuracy-first): fell off: trial 1 beats it")
    assert "\n".join(told) in err
    holds = three(World(), seeds=2, widths=(8, 16), name="holds")
    code, _, err = cli(holds, "--plain", verb="resume")
    assert code == 0
    assert "the pick, trial 1 (accuracy-first): holds\n" in err


def test_what_nobody_has_validated_is_not_held_against_it(cli, searched):
    assert cli(searched, "--plain", verb="resume")[0] == 0


def test_nothing_to_validate_is_exit_4(cli):
    study = three(World(), limits=(Limit(metric="size", side="max", bound=1),))
    study.run()
    code, out, err = cli(study)
    assert (code, out) == (4, "")
    assert "pretend: nothing fits the limits" in err


def test_interrupted_it_says_how_to_go_on(cli, monkeypatch, searched):
    study = searched

    def impatient(study, found, *, plain):
        for happening, loop in found:
            if happening.kind == "ended":
                loop.brake.level = 1

    monkeypatch.setattr("autocompress.cli.live.watch", impatient)
    code, out, err = cli(study, "--seeds", "2")
    assert code == 130
    assert err.splitlines()[-1] == "interrupted; go on with: autocompress validate pretend --seeds 2"
    assert "–      0              –  not tried yet\n" in out


def test_a_study_file_may_ask_for_it(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text(STUDY.replace("variants: 0", "variants: 0, validate: 3"))
    asked = load_study(file)
    assert asked.budget.validation == 3
    file.write_text(STUDY)
    assert load_study(file).budget.validation == 0
    assert load_study(file).hash == asked.hash, "it may be asked for later"


# --- for real ---


def test_digits_are_trained_again_measured_again_and_tested(tmp_path, monkeypatch, capsys):
    file = tmp_path / "one.yaml"
    one = (
        STUDY.replace("choice: [4, 8, 12]", "choice: [4]")
        .replace("choice: [2, 3, 4]", "choice: [2]")
        .replace(
            "method: {choice: [none, {use: logit, temperature: auto}]}, epochs: {int: [1, 2]}",
            "method: none, epochs: 2",
        )
        .replace("    - {choice: [none, {use: quantize, scheme: onnx_static}]}\n", "")
        .replace("local, workers: 1", "serial")
        .replace("trials: 3, variants: 0", "trials: 1, variants: 0, validate: 2")
        .replace("use: local, protocol: {warmup: 1, runs: 3, processes: 1}", "use: estimate")  # no clocks: quick
        .replace("latency_p50, ", "")
    )
    file.write_text(one)
    study = ac.load(file)
    study.run()
    validation, (found,) = study.validation, study.validated.values()
    assert found.seeds == (FRESH, 1 + FRESH)
    a, b = validation.trials
    assert a.value("accuracy") != b.value("accuracy")
    assert a.artifacts["weights"] != b.artifacts["weights"]
    tested = validation.fact("test_accuracy")
    assert set(tested) == {"0", "1", "baseline"}, "of all its files, and of the baseline beside them"
    assert found.test_accuracy.value == pytest.approx((tested["0"]["value"] + tested["1"]["value"]) / 2)
    assert validation.fact("baseline") == study.fact("baseline")
    for digest in a.artifacts.values():
        assert study.artifacts.get(digest), "its files, and its neighbour on the scales, are the search's"
    monkeypatch.setattr(sys, "argv", ["autocompress", "validate", "small", "--seeds", "2"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].endswith("  holds")
    assert "–" not in out
    assert len(validation.trials) == 2
