"""What is known of single models: what a part says, what is left out and why, and how much room it takes."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hands import BIGGER, SMALL, digits, fresh, lab, same, state
from PIL import Image
from test_compression import study
from torch import nn

from autocompress.compress.manifest import MANIFEST, WEIGHTS, save
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.stages.base import Stage
from autocompress.data.base import Dataset, Split
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.compression import Bench
from autocompress.study.deploy import lowered, runs_in
from autocompress.study.examining import examiner as looker
from autocompress.study.examining import pictures
from autocompress.study.examining.answers import CLASSES, PAIRS, answers, changes
from autocompress.study.examining.examiner import Examiner
from autocompress.study.examining.fitting import fitted
from autocompress.study.examining.heat import heat
from autocompress.study.examining.light import STRENGTHS, borne
from autocompress.study.examining.running import Ran, spaced
from autocompress.values.examination import LARGEST, PICTURE, Examination, Histogram, Layer
from autocompress.values.job import Job
from autocompress.values.recipe import Recipe, canonical
from autocompress.values.trial import Trial

LEARN = {"use": "finetune", "epochs": 1}
VIT = {"use": "vit", "dim": 16, "depth": 1, "heads": 1, "patch": 2}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(tmp_path_factory.mktemp("home")))
        yield Bench(study(), tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def kept(bench):
    """The files of a model, by their digests, as a trial would leave them; each is written once."""
    known = {}

    def files(student, change=lambda model: model):
        key = (canonical(student), change)
        if key not in known:
            known[key] = written(bench, change(fresh(student)))
        return known[key]

    return files


def written(bench, model):
    settings = {"use": "onnxruntime", "threads": 1}
    runtime = make(Runtime, settings)
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = lowered(model, runtime, folder, digits())
        save(model, folder, mean=digits().mean, std=digits().std)
        (folder / "runtime.json").write_text(json.dumps(runs_in(settings, runtime)))
        paths = {
            "model": file,
            "manifest": folder / MANIFEST,
            "weights": folder / WEIGHTS,
            "runtime": folder / "runtime.json",
        }
        return {role: bench._artifacts.put(path) for role, path in paths.items()}


def cut(model):
    """Half of the channels are gone."""
    return make(Stage, {"use": "prune", "by": {"use": "magnitude"}, "ratio": 0.5}).shape(model, lab())


def loud(model):
    """Its norms make everything three times as large."""
    for layer in model.net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.constant_(layer.weight, 3.0)
    return model


def in_few_bits(model):
    return make(Quantizer, {"use": "lsq", "weights": 4, "examples": 32}).prepare(model, lab())


def trial(files, *stages, student=SMALL):
    recipe = Recipe.of({"student": student, "stages": list(stages)})
    return Trial(number=0, recipe=recipe, state="complete", artifacts=files)


def examiner(bench, base):
    return Examiner(bench.spec, bench._artifacts.folder.parent, base)


@pytest.fixture(scope="module")
def teacher(kept):
    return kept(BIGGER)


# --- models of other kinds ---


def test_equal_models_have_equal_examinations_to_the_byte(bench, kept, teacher):
    one = trial(kept(SMALL, cut), LEARN)
    texts = {examiner(bench, teacher).examined(one).text() for _ in range(2)}
    assert len(texts) == 1
    text = texts.pop()
    assert Examination.model_validate_json(text).text() == text
    assert json.loads(text)["schema"] == "autocompress.examination/v1"


def test_weights_are_compared_with_those_of_the_trained_start_of_the_same_trial(bench, kept, teacher):
    one = trial(kept(SMALL, cut), {**LEARN, "lr": 0.07}, {"use": "prune", "by": {"use": "magnitude"}}, LEARN)
    job = Job(0, one.recipe)
    assert bench.start(job) is None
    start = fresh(SMALL, seed=5)
    stages = [make(Stage, stage) for stage in one.recipe.stages]
    bench._cache.put(bench._key(job, stages, 1), start, mean=digits().mean, std=digits().std)
    found = examiner(bench, teacher).examined(one)
    assert found.weights_before == "start"
    assert "weights_before" not in found.notes
    first = start.net.get_submodule("blocks.0.0").weight.detach().numpy()
    told = found.layers[0].histogram
    assert told.reach >= abs(first).max() - 1e-4
    assert told.before == tuple(np.histogram(first, len(told.before), (-told.reach, told.reach))[0])
    assert [layer.kept for layer in found.layers] == [0.5, 0.5, 0.5, 1.0]
    assert all(sum(layer.histogram.before) > layer.weights for layer in found.layers)
    other = one.model_copy(update={"seed": 3})
    assert examiner(bench, teacher).examined(other).weights_before is None


@pytest.mark.parametrize(
    "taking",
    [
        {"use": "prune", "by": {"use": "magnitude"}, "recover": 1},
        {"use": "sparsify", "by": {"use": "magnitude"}, "recover": 1},
    ],
    ids=lambda stage: stage["use"],
)
def test_a_start_ends_before_anything_is_taken(bench, monkeypatch, taking):
    recipe = Recipe.of({"student": {**SMALL, "depth": 2}, "stages": [LEARN, LEARN, taking, LEARN]})
    stages = [make(Stage, stage) for stage in recipe.stages]
    start = fresh({**SMALL, "depth": 2}, seed=6)
    bench._cache.put(bench._key(Job(0, recipe), stages, 2), start, mean=digits().mean, std=digits().std)
    if stages[2].rebuilds:
        monkeypatch.setattr(type(stages[2]), "technique", None)  # as a stranger's stage may have none
    found = bench.start(Job(0, recipe))
    assert found is not None
    assert same(state(found), state(start))


def test_weights_on_grids_are_compared_as_they_count(bench, kept):
    found = examiner(bench, kept(SMALL)).examined(trial(kept(SMALL, in_few_bits)))
    assert found.notes == {}
    assert found.weights_before == "baseline"  # of the same architecture
    first, inner, *_, last = found.layers
    assert (inner.weight_bits, inner.activation_bits) == (4.0, 8.0)
    assert (first.weight_bits, last.weight_bits) == (8.0, 8.0)
    assert inner.stored_bytes == inner.weights  # a byte for each, whatever it needs
    assert inner.nonzero < inner.weights
    assert sum(inner.histogram.after) == inner.nonzero
    assert sum(inner.histogram.before) == inner.weights
    assert found.heat.grid == found.heat.baseline_grid == (2, 2)
    assert found.heat.similarity.value > 0.5


def test_before_grids_norms_are_folded_as_they_are_behind_them(bench, kept):
    found = examiner(bench, kept(SMALL, loud)).examined(trial(kept(SMALL, in_few_bits)))
    plain = fresh(SMALL).net.get_submodule("blocks.0.0").weight
    assert found.layers[0].histogram.reach == pytest.approx(3 * float(plain.detach().abs().max()), rel=0.001)


def test_a_network_without_convolutions_is_left_out_where_it_has_no_map(bench, kept, teacher):
    found = examiner(bench, teacher).examined(trial(kept(VIT), student=VIT))
    assert found.heat is None
    assert '"heat":null' not in found.text()
    assert found.notes["heat"] == "there is no map of features in this network: its stages are not convolutions"
    assert None not in (found.answers, found.changes, found.light, found.layers)
    assert {"multiheadattention", "linear", "conv 2x2"} <= {layer.kind for layer in found.layers}
    assert {layer.name for layer in found.layers if not layer.histogram} == {"vit.heads.head"}  # it begins with zeros


def test_a_baseline_without_a_map_leaves_the_model_its_own(bench, kept):
    found = examiner(bench, kept(VIT)).examined(trial(kept(SMALL)))
    assert "no map of features" in found.notes["baseline_heat"]
    assert found.heat.similarity is None
    assert found.heat.looks
    assert all(look.heat and look.baseline_heat is None for look in found.heat.looks)


def test_of_the_same_architecture_the_baseline_shows_its_channels_and_weights(bench, kept):
    wider = {**SMALL, "width": 16}
    found = examiner(bench, kept(wider)).examined(trial(kept(SMALL, cut)))
    assert found.weights_before == "baseline"
    assert [layer.baseline for layer in found.layers] == [(1, 16), (16, 32), (32, 64), (64, 10)]
    assert [layer.before for layer in found.layers] == [(1, 8), (8, 16), (16, 32), (32, 10)]
    assert [layer.after for layer in found.layers] == [(1, 4), (4, 8), (8, 16), (16, 10)]
    assert [sum(layer.histogram.before) for layer in found.layers] == [9 * 16, 9 * 512, 9 * 2048, 640]
    deeper = {**SMALL, "depth": 4}
    other = examiner(bench, kept(deeper)).examined(trial(kept(SMALL, cut)))
    assert other.weights_before is None
    assert "the baseline is of another architecture" in other.notes["weights_before"]
    assert {layer.baseline for layer in other.layers} == {None}


def test_without_a_teacher_the_model_stands_alone(bench, kept):
    found = examiner(bench, None).examined(trial(kept(SMALL)))
    assert found.notes["baseline"] == "there is no baseline to compare it with"
    assert (found.baseline, found.changes, found.light.baseline) == ("", None, None)
    assert found.answers.classes[0].baseline_right is None
    assert found.heat.looks
    assert found.heat.similarity is None


@pytest.mark.parametrize("part", ["layers", "answers", "changes", "light", "heat"])
def test_a_part_that_fails_is_left_out_with_a_reason(bench, kept, monkeypatch, part):
    def broken(*_):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(looker, part, broken)
    found = examiner(bench, kept(SMALL)).examined(trial(kept(SMALL)))
    assert getattr(found, part) is None
    assert found.notes == {part: "ZeroDivisionError: by nothing"}
    assert all(getattr(found, p) for p in ("layers", "answers", "changes", "light", "heat") if p != part)


def test_a_file_that_does_not_run_leaves_what_the_network_alone_tells(bench, kept, tmp_path):
    whole = trial(kept(SMALL))
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"rubbish")
    files = whole.artifacts | {"model": bench._artifacts.put(rubbish)}
    found = examiner(bench, kept(SMALL)).examined(whole.model_copy(update={"artifacts": files}))
    assert (found.answers, found.changes, found.light) == (None, None, None)
    assert "ONNX Runtime cannot read it" in found.notes["answers"]
    lost = examiner(bench, files).examined(whole)
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


def test_in_another_light_each_image_keeps_its_label():
    y = np.random.default_rng(0).integers(0, 2, 700)
    x = np.where(y == 1, 180, 60).astype(np.uint8)[:, None, None, None].repeat(4, 2).repeat(4, 3)
    logits = np.eye(2, dtype=np.float32)[y]
    run = replace(
        run_of(logits, y, x=x), session=lambda x: np.eye(2, dtype=np.float32)[(x.mean((1, 2, 3)) > -0.03) * 1]
    )
    found = borne(run, 0)
    assert [one.value for one in found[:2]] == [1.0, 1.0]
    assert found[-1].value < 1


def test_places_are_spread_over_all():
    assert spaced(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert spaced(9, 3).tolist() == [0, 4, 8]
    assert spaced(1, 64).tolist() == [0]
    assert len(spaced(10_000, 2000)) == 2000


def test_pictures_are_small_pngs_whatever_the_image():
    noise = np.random.default_rng(0).integers(0, 256, (3, 224, 160), dtype=np.uint8)
    for x in (noise, noise[:1], noise[:2], noise[:, :32, :32], np.zeros((3, 8, 8), np.uint8)):
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
