"""What is known of single models: of a front's, after a small study on digits, and of models of other kinds."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_compression import CUT, INT8, LEARN, STUDENT, events, study

from autocompress.data.base import Dataset, Split
from autocompress.data.digits import Digits
from autocompress.errors import StudyError, UnknownStudy
from autocompress.study import examine
from autocompress.study.compression import Bench
from autocompress.study.core import Brake
from autocompress.study.examine import Examiner
from autocompress.study.examining import pictures
from autocompress.study.examining.answers import CLASSES, PAIRS, answers, changes
from autocompress.study.examining.fitting import fitted
from autocompress.study.examining.heat import Looking, heat
from autocompress.study.examining.light import STRENGTHS, borne
from autocompress.study.examining.running import Ran, spaced
from autocompress.study.study import Study
from autocompress.values.examination import LARGEST, PICTURE, Examination, Histogram, Layer
from autocompress.values.job import BASELINE, Job
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget
from autocompress.values.trial import Trial

LSQ = {"use": "quantize", "scheme": {"use": "lsq", "weights": 4, "examples": 32}}


@pytest.fixture(scope="module")
def homed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def done(homed):
    """Two models that cannot beat each other, and what was said while they were looked at."""
    space = {"student": STUDENT, "stages": [{**LEARN, "epochs": 3}, {"choice": [CUT, INT8]}]}
    ended = Study.of(
        study(
            space=space, first="nothing", sampler={"use": "random"}, driver={"use": "serial"}, budget=Budget(trials=6)
        )
    )
    said = [happening.text for happening, _ in ended.steps() if happening.kind == "progress"]
    return ended, said


@pytest.fixture(scope="module")
def bench(homed, tmp_path_factory):
    return Bench(study(), tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def teacher(bench):
    return events(bench, Job(BASELINE, Recipe.of(bench.spec.teacher)))[-1].outcome.artifacts


def trial(bench, student, *stages):
    recipe = Recipe.of({"student": student, "stages": list(stages)})
    outcome = events(bench, Job(0, recipe))[-1].outcome
    assert outcome.state == "complete", outcome.message
    return Trial(number=0, recipe=recipe, state="complete", artifacts=outcome.artifacts)


def examiner(bench, teacher):
    return Examiner(bench.spec, bench._artifacts.folder.parent, teacher)


# --- a study ---


def test_each_model_of_the_front_is_examined_at_the_end_of_a_study(done):
    ended, said = done
    members = {t.number: t for t in ended.front().members}
    found = ended.examinations
    assert set(found) == set(members)
    assert [text for text in said if text.startswith("examining")] == [
        f"examining model {i + 1} of {len(members)}" for i in range(len(members))
    ]
    tested = ended.fact("test_accuracy")
    for number, one in found.items():
        assert one.model == members[number].artifacts["model"]
        assert one.baseline == ended.fact("baseline_artifacts")["model"]
        assert one.answers.accuracy.model_dump(mode="json") == tested[str(number)]
        assert {"layers", "answers", "changes", "light", "heat"} <= one.model_fields_set
        assert None not in (one.layers, one.answers, one.changes, one.light, one.heat)
        assert set(one.notes) <= {"weights_before"}
        assert len(one.text().encode()) < LARGEST / 2


def test_what_is_said_of_one_model_agrees_with_itself(done):
    ended, _ = done
    n = len(Digits().load().test)
    for one in ended.examinations.values():
        table = np.array(one.answers.confusion)
        assert table.sum() == n
        assert table.trace() / n == pytest.approx(one.answers.accuracy.value)
        assert [c.n for c in one.answers.classes] == table.sum(1).tolist()
        base = sum(c.baseline_right for c in one.answers.classes)
        assert base / n == pytest.approx(ended.fact("test_accuracy")["baseline"]["value"])
        assert one.changes.both_right + one.changes.lost == base
        assert one.changes.both_right + one.changes.gained == table.trace()
        assert one.changes.agreement.value * n == pytest.approx(
            one.changes.both_right + one.changes.same_mistake, abs=0.01
        )
        assert sum(b.n for b in one.answers.calibration.bins) == n
        assert one.light.strengths == STRENGTHS
        assert one.light.accuracy[0].value == pytest.approx(one.answers.accuracy.value, abs=1e-5)
        assert one.light.accuracy[-1].value < one.light.accuracy[0].value
        assert len(one.light.baseline) == len(STRENGTHS)
        assert 1 <= len(one.heat.looks) <= 4
        assert len({look.truth for look in one.heat.looks}) == len(one.heat.looks)
        assert -1 <= one.heat.similarity.value <= 1
        assert one.heat.similarity.n == 64


def test_layers_say_what_was_cut_and_what_is_stored(done):
    ended, _ = done
    for number, one in ended.examinations.items():
        t = next(t for t in ended.trials if t.number == number)
        cut = "prune" in t.recipe.line
        head = one.layers[-1]
        assert (head.name, head.kind, head.before[1], head.after[1]) == ("head", "linear", 10, 10)
        assert [layer.kept for layer in one.layers] == pytest.approx([0.5] * 3 + [1] if cut else [1.0] * 4)
        assert {layer.weight_bits for layer in one.layers} == {32.0 if cut else 8.0}
        assert {layer.activation_bits for layer in one.layers} == {32.0 if cut else 8.0}
        assert [layer.stored_bytes for layer in one.layers] == [
            layer.weights * (4 if cut else 1) for layer in one.layers
        ]
        assert all(layer.baseline is None for layer in one.layers)  # a residual network
        assert sum(layer.macs for layer in one.layers) == t.value("macs")
        assert one.weights_before == "start"
        for layer in one.layers:
            assert sum(layer.histogram.after) == layer.nonzero
            assert (sum(layer.histogram.before) > layer.weights) == (cut and layer.before != layer.after)
            assert len(layer.histogram.edges) == len(layer.histogram.after) + 1 == len(layer.histogram.before) + 1


def test_who_is_known_is_not_looked_at_again(done, monkeypatch):
    ended, _ = done
    before = ended.fact("examinations")
    monkeypatch.setattr(Examiner, "examined", lambda *_: pytest.fail("it is known"))
    ended.examine()
    assert [h.text for h, _ in ended.steps() if h.text.startswith("examining")] == []
    assert ended.fact("examinations") == before


def test_what_is_lost_or_of_another_file_is_made_again_to_the_same_bytes(done, monkeypatch):
    ended, _ = done
    before = ended.fact("examinations")
    first, *others = before
    ended.artifacts.path(before[first]).write_text("{}")  # damaged
    assert set(ended.examinations) == {int(n) for n in others}
    ended.artifacts.path(before[first]).unlink()
    looked = []
    examined = Examiner.examined
    monkeypatch.setattr(Examiner, "examined", lambda self, t: looked.append(t.number) or examined(self, t))
    ended.examine()
    assert looked == [int(first)]
    assert ended.fact("examinations") == before


def test_stopped_on_the_way_it_goes_on_there(done, monkeypatch):
    ended, _ = done
    members = ended.front().members
    whole, tested = ended.fact("examinations"), ended.fact("test_accuracy")
    with ended._begun() as store:
        store.set_fact("examinations", {})
        store.set_fact("test_accuracy", {})
        brake, turns = Brake(), examine.looks(ended.spec, ended.folder, store, members, Brake())
        next(turns)
        with pytest.raises(StopIteration):  # the first is done when the second's turn is said
            turns = examine.looks(ended.spec, ended.folder, store, members, brake)
            next(turns)
            brake.level = 1
            next(turns)
        assert list(store.fact("examinations")) == [str(members[0].number)]
        assert set(store.fact("test_accuracy")) == {"baseline", str(members[0].number)}
    monkeypatch.setattr(Examiner, "examined", _after(Examiner.examined, [t.number for t in members[1:]]))
    ended.examine()
    assert ended.fact("examinations") == whole
    assert ended.fact("test_accuracy") == tested


def _after(examined, expected):
    def watched(self, t):
        assert t.number == expected.pop(0)
        return examined(self, t)

    return watched


def test_a_control_is_only_asked_for_its_accuracy(done, monkeypatch):
    ended, _ = done
    whole, tested = ended.fact("examinations"), ended.fact("test_accuracy")
    control = replace(ended, spec=ended.spec.model_copy(update={"control": "random"})).control
    assert control.closely is False
    monkeypatch.setattr(Examiner, "examined", lambda *_: pytest.fail("too close"))
    with ended._begun() as store:
        store.set_fact("test_accuracy", {})
        list(examine.looks(ended.spec, ended.folder, store, ended.front().members, Brake(), closely=False))
        assert store.fact("test_accuracy") == tested
        assert store.fact("examinations") == whole


def test_there_is_nothing_to_examine_where_nothing_was_compressed(homed):
    with pytest.raises(UnknownStudy, match="has not been run yet"):
        Study.of(study(name="never")).examine()
    from fakes import Pretend, spec

    pretended = Study.of(spec(budget=Budget(trials=5)), work=Pretend())
    pretended.run()
    assert pretended.examinations == {}
    with pytest.raises(StudyError, match="searches a function of yours"):
        pretended.examine()


# --- models of other kinds ---


def test_equal_models_have_equal_examinations_to_the_byte(bench, teacher):
    one = trial(bench, STUDENT, LEARN, CUT)
    texts = {examiner(bench, teacher).examined(one).text() for _ in range(2)}
    assert len(texts) == 1
    text = texts.pop()
    assert Examination.model_validate_json(text).text() == text
    assert json.loads(text)["schema"] == "autocompress.examination/v1"


def test_weights_on_grids_are_compared_as_they_count(bench, teacher):
    found = examiner(bench, teacher).examined(trial(bench, STUDENT, LEARN, LSQ))
    assert set(found.notes) == set()
    inner = found.layers[1]
    assert (inner.weight_bits, inner.activation_bits) == (4.0, 8.0)
    assert found.layers[0].weight_bits == 8.0
    assert inner.stored_bytes == inner.weights  # a byte for each, whatever it needs
    assert inner.nonzero < inner.weights
    assert sum(inner.histogram.before) == inner.weights
    assert found.weights_before == "start"
    assert found.heat.grid == (2, 2)


def test_a_network_without_convolutions_is_left_out_where_it_has_no_map(bench, teacher):
    vit = {"use": "vit", "dim": 16, "depth": 1, "heads": 1, "patch": 2}
    found = examiner(bench, teacher).examined(trial(bench, vit, {"use": "finetune", "epochs": 1}))
    assert found.heat is None
    assert found.notes["heat"] == "there is no map of features in this network: its stages are not convolutions"
    assert None not in (found.answers, found.changes, found.light, found.layers)
    kinds = {layer.kind for layer in found.layers}
    assert {"multiheadattention", "linear", "conv 2x2"} <= kinds
    assert all(layer.histogram for layer in found.layers)


def test_a_baseline_without_a_map_leaves_the_model_its_own(bench):
    vit = {"use": "vit", "dim": 16, "depth": 1, "heads": 1, "patch": 2}
    base = trial(bench, vit, {"use": "finetune", "epochs": 1})
    found = examiner(bench, base.artifacts).examined(trial(bench, STUDENT, LEARN))
    assert "no map of features" in found.notes["baseline_heat"]
    assert found.heat.similarity is None
    assert all(look.heat and look.baseline_heat is None for look in found.heat.looks)


def test_of_the_same_architecture_the_baseline_shows_its_channels_and_weights(bench):
    base = trial(bench, {**STUDENT, "width": 16}, LEARN)
    found = examiner(bench, base.artifacts).examined(trial(bench, STUDENT, CUT, LEARN))
    assert found.weights_before == "baseline"
    assert [layer.baseline for layer in found.layers] == [(1, 16), (16, 32), (32, 64), (64, 10)]
    assert [layer.before for layer in found.layers] == [(1, 8), (8, 16), (16, 32), (32, 10)]
    assert [layer.after for layer in found.layers] == [(1, 4), (4, 8), (8, 16), (16, 10)]
    assert [sum(layer.histogram.before) for layer in found.layers] == [9 * 16, 9 * 512, 9 * 2048, 640]
    deeper = trial(bench, {**STUDENT, "depth": 4}, LEARN)
    other = examiner(bench, deeper.artifacts).examined(trial(bench, STUDENT, CUT, LEARN))
    assert other.weights_before is None
    assert "the baseline is of another architecture" in other.notes["weights_before"]
    assert {layer.baseline for layer in other.layers} == {None}


def test_without_a_teacher_the_model_stands_alone(bench):
    found = examiner(bench, None).examined(trial(bench, STUDENT, LEARN))
    assert found.notes["baseline"] == "there is no baseline to compare it with"
    assert (found.baseline, found.changes, found.light.baseline) == ("", None, None)
    assert found.answers.classes[0].baseline_right is None
    assert found.heat.looks
    assert found.heat.similarity is None


@pytest.mark.parametrize("part", ["layers", "answers", "changes", "light", "heat"])
def test_a_part_that_fails_is_left_out_with_a_reason(bench, teacher, monkeypatch, part):
    def broken(*_):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(examine, part, broken)
    found = examiner(bench, teacher).examined(trial(bench, STUDENT, LEARN))
    assert getattr(found, part) is None
    assert found.notes == {part: "ZeroDivisionError: by nothing"}
    assert all(getattr(found, p) for p in ("layers", "answers", "changes", "light", "heat") if p != part)


def test_a_file_that_does_not_run_leaves_what_the_network_alone_tells(bench, teacher, tmp_path):
    whole = trial(bench, STUDENT, LEARN)
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"rubbish")
    broken = whole.model_copy(update={"artifacts": whole.artifacts | {"model": bench._artifacts.put(rubbish)}})
    found = examiner(bench, teacher).examined(broken)
    assert (found.answers, found.changes, found.light) == (None, None, None)
    assert "ONNX Runtime cannot read it" in found.notes["answers"]
    lost = examiner(bench, {**teacher, "model": broken.artifacts["model"]}).examined(whole)
    assert "ONNX Runtime cannot read it" in lost.notes["baseline"]
    assert lost.answers is not None
    assert lost.baseline == ""


# --- bounds ---


def run_of(logits, y, classes=None, x=None):
    names = classes or tuple(map(str, range(logits.shape[1])))
    images = np.zeros((len(y), 1, 4, 4), np.uint8) if x is None else x
    split = Split(images, y)
    return Ran(
        Dataset(split, split, split, names, (0.5,) * images.shape[1], (1.0,) * images.shape[1]),
        lambda x: logits[: len(x)],
        "here",
        ".onnx",
        logits,
    )


def test_what_became_of_each_image_by_hand():
    def sure(of):
        return (np.eye(3, dtype=np.float32) * 5)[of]

    y = np.array([0, 0, 1, 1, 2, 2])
    base, model = run_of(sure([0, 0, 0, 0, 0, 1]), y), run_of(sure([0, 1, 1, 0, 1, 2]), y)
    found = changes(model, base)
    assert (found.both_right, found.lost, found.gained, found.same_mistake, found.other_mistake) == (1, 1, 2, 1, 1)
    assert (found.lost_images, found.gained_images, found.other_images) == ((1,), (2, 5), (4,))
    assert found.agreement.value == pytest.approx(2 / 6, abs=1e-5)
    told = answers(model, base)
    assert told.confusion == ((1, 1, 0), (1, 1, 0), (0, 1, 1))
    assert told.mixed_up == ((0, 1, 1), (1, 0, 1), (2, 1, 1))
    assert [(c.right, c.baseline_right) for c in told.classes] == [(1, 2), (1, 0), (1, 0)]
    assert told.calibration.baseline_error is not None


def test_of_a_thousand_classes_those_are_shown_that_lost_most():
    many = 1000
    y = np.arange(3 * many) % many
    right = np.eye(many, dtype=np.float32)[y] * 20
    worse = right.copy()
    worse[: 7 * 20] = np.roll(right[: 7 * 20], 1, axis=1)  # classes 0 to 139 are taken for the next
    names = tuple(f"class {i} " + "x" * 60 for i in range(many))
    told = answers(run_of(worse, y, names), run_of(right, y, names))
    assert [c.name.split()[1] for c in told.classes] == [str(i) for i in range(CLASSES)]
    assert told.more_classes == many - CLASSES
    assert len(told.mixed_up) <= PAIRS
    assert sum(often for *_, often in told.mixed_up) + told.more_mixed_up == 140
    assert max(len(c.name) for c in told.classes) == 40
    assert len(told.model_dump_json()) < LARGEST / 2


def test_frequent_mistakes_come_first_and_rare_ones_may_be_left_out():
    y = np.repeat(np.arange(30), 60)
    logits = np.random.default_rng(0).normal(size=(len(y), 30)).astype(np.float32)
    told = answers(run_of(logits, y), None)
    often = [pair[2] for pair in told.mixed_up]
    assert len(often) == PAIRS
    assert often == sorted(often, reverse=True)
    assert sum(often) + told.more_mixed_up == (logits.argmax(1) != y).sum()
    assert told.more_mixed_up > 0


def test_at_most_two_thousand_images_are_shown_in_another_light():
    seen = []
    y = np.zeros(5000, np.int64)
    logits = np.eye(2, dtype=np.float32)[y]
    run = replace(run_of(logits, y), session=lambda x: seen.append(len(x)) or np.eye(2, dtype=np.float32)[[0] * len(x)])
    found = borne(run, 0)
    assert {one.n for one in found} == {2000}
    assert sum(seen) == 2000 * (len(STRENGTHS) - 1)
    assert max(seen) <= 256


def test_places_are_spread_over_all():
    assert spaced(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert spaced(9, 3).tolist() == [0, 4, 8]
    assert spaced(1, 64).tolist() == [0]
    assert len(spaced(10_000, 2000)) == 2000


def test_pictures_are_small_pngs_whatever_the_image():
    noise = np.random.default_rng(0).integers(0, 256, (3, 224, 160), dtype=np.uint8)
    for x in (noise, noise[:1], noise[:2], np.zeros((3, 8, 8), np.uint8)):
        text = pictures.picture(x)
        image = Image.open(io.BytesIO(base64.b64decode(text)))
        assert len(text) <= PICTURE
        assert max(image.size) <= 96
        assert image.format == "PNG"
    small = Image.open(io.BytesIO(base64.b64decode(pictures.picture(noise[:, :8, :6]))))
    assert np.array_equal(np.asarray(small), noise[:, :8, :6].transpose(1, 2, 0))  # nothing is lost of what is small


def test_heat_is_one_colour_the_more_opaque_the_hotter():
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(32, 0)
    image = Image.open(io.BytesIO(base64.b64decode(pictures.heat(ramp)))).convert("RGBA")
    pixels = np.asarray(image)
    assert {tuple(p) for p in pixels[..., :3].reshape(-1, 3).tolist()} == {pictures.HOT}
    alpha = pixels[0, :, 3].astype(int)
    assert (alpha[0], alpha[-1]) == (0, pictures.OPAQUE)
    assert (np.diff(alpha) >= 0).all()


def large():
    """Of a network of 200 layers, on photographs."""
    counts = tuple(range(1000, 1009))
    one = Layer(
        name="features.denseblock3.denselayer24.conv1",
        kind="conv 1x1",
        before=(1024, 128),
        after=(512, 64),
        baseline=(1024, 128),
        weights=131072,
        nonzero=131072,
        macs=25690112,
        weight_bits=8,
        activation_bits=8,
        stored_bytes=131072,
        histogram=Histogram(reach=0.123, before=counts, after=counts),
    )
    y = np.repeat(np.arange(30), 60)
    logits = np.random.default_rng(0).normal(size=(len(y), 30)).astype(np.float32)
    look = {"image": 1, "truth": "a", "answer": "b", "picture": "x" * 3000, "heat": "x" * 1000, "similarity": 0.5}
    return Examination(
        model="m" * 64,
        layers=(one,) * 200,
        answers=answers(run_of(logits, y), None),
        heat={"grid": (7, 7), "looks": [look] * 4},
    )


def test_what_is_too_large_is_made_smaller_and_says_so():
    whole = large()
    assert len(whole.text()) > LARGEST
    less = fitted(whole)
    assert len(less.text().encode()) <= LARGEST
    assert less.layers is not None
    assert len(less.layers) == 200
    assert less.notes["layers"].startswith("for lack of room: ")
    assert fitted(less) == less
    assert fitted(whole, 10**6) == whole


def test_room_is_found_step_by_step_to_the_last():
    whole = large()
    sizes = [len(fitted(whole, most).text().encode()) for most in (60_000, 45_000, 30_000, 20_000, 5_000)]
    assert sizes == sorted(sizes, reverse=True)
    none = fitted(whole, 5_000)
    assert none.layers is None
    assert none.heat.looks == ()
    mistakes = whole.answers.more_mixed_up + sum(often for *_, often in whole.answers.mixed_up)
    assert none.answers.more_mixed_up + sum(often for *_, often in none.answers.mixed_up) == mistakes
    assert "no images" in none.notes["heat"]


def test_coarser_histograms_hold_the_same_weights():
    one = large().layers[0]
    (layer,) = {*fitted(large(), 50_000).layers}
    assert sum(layer.histogram.after) == sum(one.histogram.after)
    assert len(layer.histogram.after) == 3
    assert layer.histogram.edges == pytest.approx((-0.123, -0.041, 0.041, 0.123))


# --- heat ---


def test_looks_are_of_different_classes_that_the_baseline_gets_right(bench, teacher):
    looking = examiner(bench, teacher).baseline.looking
    found = heat(looking, looking)
    assert [look.similarity for look in found.looks] == pytest.approx([1.0] * len(found.looks))
    assert found.similarity.value == pytest.approx(1.0)
    run = looking.run
    right = np.flatnonzero(run.said == run.y)
    firsts = list({int(run.y[p]): int(p) for p in right[::-1]}.values())
    assert [look.image for look in found.looks] == sorted(firsts)[: len(found.looks)]


def test_each_image_is_looked_at_once(bench, teacher, monkeypatch):
    looking = examiner(bench, teacher).baseline.looking
    first, answered = looking.at([3, 1])
    monkeypatch.setattr("autocompress.study.examining.heat.grad_cam", lambda *_: pytest.fail("known"))
    again, same = looking.at([1, 3])
    assert np.array_equal(first[::-1], again)
    assert answered[::-1] == same
    assert isinstance(looking, Looking)
