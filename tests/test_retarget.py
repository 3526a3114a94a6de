"""What one study has trained, used by another: on another device without training, or as the beginning of a search."""

import shutil
import sys
from functools import cache

import pytest
from fakes import SPACE, Pretend, spec
from outside import STUDY

from autocompress.cli.app import main
from autocompress.cli.live import spent
from autocompress.config.load import load_device, load_study
from autocompress.errors import StudyError
from autocompress.plugin import make
from autocompress.search.inherited import allows, translated
from autocompress.study.core import Loop
from autocompress.study.course import Course
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful
from autocompress.study.inheritance import NOTHING, Inheritance, kept
from autocompress.study.load import load
from autocompress.study.retarget import for_device, retarget
from autocompress.study.store import Store
from autocompress.study.study import Study
from autocompress.study.wishes import Wish
from autocompress.values.limit import Limit
from autocompress.values.recipe import Recipe
from autocompress.values.space import Choice, Float, Int, Order, fill
from autocompress.values.study import Budget

CHIP = "stm32h743"
TIGHT = """\
schema: autocompress.device/v1
id: tight
name: tight
kind: cpu
hardware: {core: any}
runtime: {name: onnxruntime}
operators: {channels: {round_to: 8}}
measurement: {use: estimate}
limits: {size: 4 kB}
objectives: [accuracy, size]
"""
SMALL = (
    STUDY.replace("choice: [4, 8, 12]", "choice: [4, 8]")
    .replace("choice: [2, 3, 4]", "choice: [2]")
    .replace("local, workers: 1", "serial")
    .replace("trials: 3, variants: 0", "trials: 2, variants: 1")
    .replace("use: local, protocol: {warmup: 1, runs: 3, processes: 1}", "use: estimate")  # no clocks: quick
    .replace("latency_p50, ", "")
    .replace("limits: {size: 256 kB}", "limits: {size: 256 kB}\n  operators: {channels: {round_to: 4}}")
)


# --- what fits in another space ---


@pytest.mark.parametrize(
    ("hole", "value", "right"),
    [
        (Choice(("a", "b")), "b", True),
        (Choice(("a", "b")), "c", False),
        (Choice(("8",)), 8, False),
        (Order(("a", "b")), "b>a", True),
        (Int(2, 8, 2), 6, True),
        (Int(2, 8, 2), 7, False),
        (Int(2, 8), 9, False),
        (Int(2, 8), 4.0, False),
        (Float(0.1, 0.5), 0.3, True),
        (Float(0.1, 0.5), 0.6, False),
        (Float(0.1, 0.5, 0.1), 0.30000000000000004, True),
        (Float(0.1, 0.5, 0.1), 0.35, False),
        (Float(0.1, 0.5), "x", False),
    ],
)
def test_a_value_fits_a_hole_or_not(hole, value, right):
    assert allows(hole, value) is right


def test_what_a_recipe_does_not_need_may_be_foreign():
    space = {"student": {"choice": [{"use": "a", "width": {"int": [1, 4]}}, {"use": "b", "depth": {"int": [1, 4]}}]}}
    picked = {"student": "a", "student=a.width": 3, "student=b.depth": 9, "stages.0": "x"}
    assert translated(space, picked) == {"student": "a", "student=a.width": 3}
    assert translated(space, {**picked, "student": "b"}) is None
    assert translated(space, {"student": "a"}) is None


# --- the loop ---


@cache
def some(many: int) -> tuple[Wish, ...]:
    """Recipes of the pretend world, as another study would hand them on."""
    study = Study.temporary(spec(budget=Budget(trials=3 * many), seed=5), Pretend())
    study.run()
    good = [t for t in study.trials if t.state == "complete"][:many]
    assert len(good) == many
    return tuple(Wish(study.params[t.number], "inherited", t.number, 7) for t in good)


def recipes(wishes):
    return [Recipe.of(fill(SPACE, lambda at, _, w=w: w.params[at])) for w in wishes]


def test_inherited_models_come_first_and_are_free():
    study = Study.temporary(spec(), Pretend())
    study.inherits = Inheritance(wishes := some(4))
    study.run()
    first = study.trials[:4]
    assert [t.recipe for t in first] == recipes(wishes)
    assert [(t.origin, t.of, t.seed) for t in first] == [("inherited", w.of, 7) for w in wishes]
    assert len(study.trials) > 4


def test_a_budget_of_nothing_tries_what_is_inherited_and_no_more():
    study = Study.temporary(spec(budget=Budget(trials=0)), Pretend())
    study.inherits = Inheritance(some(4))
    *_, (_, loop) = study.steps()
    assert "/" not in spent(study.paid, study.spec.budget)
    assert [t.origin for t in study.trials] == ["inherited"] * 4
    assert all(t.state in ("complete", "infeasible") for t in study.trials)
    assert loop.share(0.0) == 1.0
    assert str(study.spec.budget) == "nothing new is asked for"
    study.spec = spec(budget=Budget(trials=9))  # and then it may go on, as any study
    study.inherits = NOTHING
    study.run()
    assert [t.origin for t in study.trials][:5] == ["inherited"] * 4 + ["asked"]


def test_trained_elsewhere_is_paid_elsewhere_but_what_is_trained_again_is_not_free():
    study = Study.temporary(spec(budget=Budget(trials=0)), Pretend())  # its work has stages, and finds none of them
    study.inherits = Inheritance(some(4))
    study.run()
    done = [t for t in study.trials if t.state == "complete"]
    assert study.paid == sum(t.stages > 0 for t in done) > 0


@pytest.mark.parametrize("stop", [0, 1, 3, 6])
def test_killed_at_any_time_it_takes_each_once(stop, tmp_path):
    url, wishes, study = f"sqlite:///{tmp_path / 'study.db'}", some(4), spec(budget=Budget(trials=0))
    for given, last in ((wishes, stop), ((), 10**6)):  # the second life is given nothing: it has it in the store
        store = Store.create(url, study.name, study.objectives)
        remembered = kept(store, given)
        loop = Loop(study, store, inherited=remembered[:2] if last == 0 else remembered)  # killed while it queued them
        with make(Driver, study.driver).start(Careful(Pretend())) as pool:
            for i, _ in enumerate(loop.run(pool) if last else ()):
                if i == last:
                    break
        store.close()
    done = Store(url, study.name).trials()
    assert sorted(t.of for t in done) == sorted(w.of for w in wishes)
    assert {t.recipe for t in done} == set(recipes(wishes))
    assert all(t.state in ("complete", "infeasible") for t in done)


# --- the new study ---


@pytest.fixture
def digits(tmp_path):
    """As quickstart is: limits of its device, and some of its own."""
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.replace("teacher:", "limits: {macs: 4 M, accuracy: baseline - 60 pp}\nteacher:"))
    return load_study(path)


def test_limits_of_the_device_change_and_those_of_the_study_stay(digits):
    new, chip = for_device(digits, load_device(CHIP), "new"), load_device(CHIP)
    limits = {x.metric: x for x in new.limits}
    assert set(limits) == {"flash", "peak_ram", "latency_p50", "macs", "accuracy"}  # size was the old device's
    assert limits["flash"] in chip.limits
    assert limits["accuracy"].below_baseline == pytest.approx(0.6)
    assert new.objectives == chip.objectives
    assert (new.name, new.source, new.first, new.budget) == ("new", "small", "nothing", Budget(trials=0))
    assert (new.space, new.data, new.teacher, new.seed) == (digits.space, digits.data, digits.teacher, digits.seed)


def test_a_limit_that_the_study_took_away_stays_away(digits):
    tight = load_device("t.yaml", source=TIGHT)
    without = digits.model_copy(update={"limits": tuple(x for x in digits.limits if x.metric != "size")})
    assert "size" not in {x.metric for x in for_device(without, tight, "new").limits}
    assert "size" in {x.metric for x in for_device(digits, tight, "new").limits}


def test_objectives_of_the_study_stay(digits):
    own = digits.model_copy(update={"objectives": digits.objectives[:2]})
    assert for_device(own, load_device(CHIP), "new").objectives == own.objectives


def test_a_margin_is_the_error_of_whatever_estimates_it(digits):
    slow = Limit(metric="latency_p50", side="max", bound=1.0)
    own = digits.model_copy(update={"limits": (slow,)})
    there = for_device(own, load_device(CHIP), "new")
    assert there.limits[-1] == slow.model_copy(update={"margin": 0.3})
    assert for_device(there, load_device("t.yaml", source=TIGHT), "back").limits[-1] == slow
    said = own.model_copy(update={"limits": (slow.model_copy(update={"margin": 0.05}),)})
    assert for_device(said, load_device(CHIP), "new").limits[-1].margin == 0.05


@pytest.mark.parametrize(
    ("policy", "step", "made", "kept"),
    [("prefer", 8, 4, 4), ("require", 8, 4, 8), ("require", 4, 8, 8), ("prefer", 4, 4, 4)],
)
def test_widths_stay_as_they_were_made_unless_the_device_cannot_run_them(policy, step, made, kept, digits):
    had = digits.model_copy(update={"device": digits.device.model_copy(update={"round_to": made})})
    wants = load_device("t.yaml", source=TIGHT).model_copy(update={"round_to": step, "channel_policy": policy})
    new = for_device(had, wants, "new").device
    assert new.round_to == kept
    assert ("by the models of study small" in f"by {new.origin('operators.channels.round_to').by}") == (kept != step)


@pytest.mark.parametrize("name", ["small", "No", "a" * 64, "", "a b"])
def test_a_name_that_cannot_be(name, digits):
    with pytest.raises(StudyError, match=r"the new study cannot be called .*; give it a name with --as NAME"):
        for_device(digits, load_device(CHIP), name)


def test_a_promise_that_needs_a_teacher(digits):
    alone = digits.model_copy(update={"teacher": None, "limits": digits.device.limits})
    with pytest.raises(
        StudyError, match="stm32h743 wants accuracy ≥ baseline − 5 pp, and study 'small' has no teacher"
    ):
        for_device(alone, load_device(CHIP), "new")
    with pytest.raises(StudyError, match="study 'pretend' has no device"):
        for_device(spec(), load_device(CHIP), "new")


# --- in earnest ---


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(home))
    return home


@pytest.fixture
def old(here):
    """Two trainings, and what they become without another."""
    (here / "small.yaml").write_text(SMALL)
    (here / "tight.yaml").write_text(TIGHT)
    study = load(here / "small.yaml")
    study.run()
    return study


@pytest.fixture
def nothing_trains(monkeypatch):
    def refuse(*_):
        raise AssertionError("something was trained")

    monkeypatch.setattr(Course, "_grown", refuse)


def test_a_front_for_another_device_without_training(old, here, nothing_trains):
    complete = [t for t in old.trials if t.state == "complete"]
    found = retarget("small", here / "tight.yaml")
    assert found.study.spec.name == "small-on-tight"
    assert found.study.spec.device.round_to == 4  # as they were made
    front = found.study.run()
    tried = found.study.trials
    assert [t.recipe for t in tried] == list(dict.fromkeys(t.recipe for t in complete))
    assert found.study.inherits == Inheritance(found.study.inherits.wishes)  # nothing is left out
    done = [t for t in tried if t.state == "complete"]
    assert done
    assert all(t.cached == t.stages > 0 for t in done)
    assert {o.metric for o in front.objectives} == {"accuracy", "size"}
    assert all(t.value("size") <= 4000 for t in front.members)
    same = {t.recipe: t for t in complete}
    assert all(t.artifacts["weights"] == same[t.recipe].artifacts["weights"] for t in done)
    assert found.study.paid == 0
    assert retarget("small", here / "tight.yaml").study.run().members == front.members  # again: nothing to do
    assert found.study.trials == tried
    assert Study.open("small-on-tight").spec == found.study.spec


def test_only_the_front(old, here, nothing_trains):
    found = retarget("small", here / "tight.yaml", called="best", only_front=True)
    assert [w.of for w in found.study.inherits.wishes] == sorted(t.number for t in old.front().members)


def test_from_the_command_line_on_a_chip(old, here, nothing_trains, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["autocompress", "retarget", "small", "--device", CHIP, "--as", "chip"])
    with pytest.raises(SystemExit) as end:
        main()
    study = Study.open("chip")
    models = len(study.trials)
    said = capfd.readouterr().err.splitlines()
    assert said[0] == f"chip: {models} of the {models} models of small, on STM32H743 at 480 MHz (NUCLEO-H743ZI)"
    assert said[1].startswith("limits of stm32h743: flash ≤ 1.00 MiB, peak_ram ≤ 512.0 KiB with 30 % to spare")
    assert said[2] == "objectives of stm32h743: accuracy, latency_p50, peak_ram"
    assert said[3].endswith(" chip: nothing new is asked for")
    in_bits = [t for t in study.trials if t.state == "complete"]
    assert all(t.cached == t.stages for t in in_bits)
    assert all(t.measured("latency_p50").how == "estimated" for t in in_bits)
    assert {t.code for t in study.trials if t.state == "failed"} <= {"unsupported"}
    assert end.value.code == (0 if study.front().members else 4)
    assert study.fact("environment")["command"] == f"autocompress retarget small --device {CHIP} --as chip"


def test_a_study_from_another_begins_with_its_models(old, here):
    path = here / "heir.yaml"
    text = SMALL.replace("name: small", "name: heir\nfrom: small").replace("[4, 8]", "[4, 6]")
    path.write_text(text.replace("trials: 2", "trials: 1"))
    heir = load(path)
    models = {t.recipe for t in old.trials if t.state == "complete"}
    fit = {r for r in models if r.student["width"] == 4}
    took = heir.inherits
    assert (len(took.wishes), took.foreign, took.again, took.untrained) == (len(fit), len(models - fit), 0, 0)
    heir.run()
    assert {t.recipe for t in heir.trials if t.origin == "inherited"} == fit
    assert all(t.cached == t.stages for t in heir.trials if t.origin == "inherited" and t.state == "complete")
    assert not any(t.origin == "variant" and t.of < len(fit) for t in heir.trials)  # they had theirs
    assert heir.paid == 1
    path.write_text(path.read_text().replace("from: small", "from: heir"))
    with pytest.raises(StudyError, match="study 'heir' cannot be 'from' itself"):
        load(path)


def test_other_data_means_training_again_what_was_on_the_front(old, here):
    path = here / "augmented.yaml"
    path.write_text(SMALL.replace("name: small", "name: augmented\nfrom: small\naugment: [{use: crop}]"))
    took = load(path).inherits
    assert took.again == len(took.wishes) == len(old.front())
    assert took.untrained == took.all - took.again


def test_what_is_not_in_the_cache_is_left_out_unless_it_may_be_trained(old, here, tmp_path, monkeypatch):
    gone = tmp_path / "home"
    shutil.copytree(here / "studies" / "small", gone / "studies" / "small")
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(gone))
    models = len({t.recipe for t in old.trials if t.state == "complete"})
    with pytest.raises(StudyError) as error:
        retarget("small", here / "tight.yaml")
    assert str(error.value) == (
        f"all {models} models of study 'small' would have to be trained again: their training is not in the cache any "
        "more, or another version of autocompress did it; --train trains them"
    )
    took = retarget("small", here / "tight.yaml", train=True).study.inherits
    assert (len(took.wishes), took.again, took.untrained) == (models, models, 0)
