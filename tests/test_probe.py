"""What `check` finds out by trying: which students can be built, cut, taught and exported, and what is refused them."""

import pytest
from hands import SMALL, digits, own
from safetensors.torch import save_file
from test_compression import INT8, LEARN, study

from autocompress.compress.augmentations.flip import Flip
from autocompress.compress.students.torchvision import Torchvision
from autocompress.errors import Failure
from autocompress.study import probe
from autocompress.study.probe import Probe, Refused, options, probed
from autocompress.values.device import Operators, Runtime

SHUFFLED = {"use": "shufflenet_v2", "width": 0.25}
BARE = {"use": "squeezenet", "width": 0.25}  # no batch norms
PRUNE = {"use": "prune", "by": {"choice": [{"use": "magnitude"}, {"use": "bn_scale"}]}, "ratio": {"float": [0.1, 0.9]}}
SHUFFLES = "its channels are shuffled, so none can go alone; make it narrower with `width`"


@pytest.fixture(autouse=True)
def no_exports(monkeypatch):
    """They take seconds each, and have a test of their own."""
    monkeypatch.setattr(probe, "_exports", lambda model, listed, data: "?")


def tried(*stages, students=(SMALL,), **changes) -> list[Probe]:
    space = {"student": {"choice": list(students)}, "stages": list(stages)}
    return list(probed(study(space=space, **changes)))


def test_a_student_that_cannot_be_cut_is_refused_by_name():
    (fine, shuffled) = tried({"choice": [None, PRUNE]}, students=[SMALL, SHUFFLED])
    assert (fine.refused, fine.hopeless, fine.cuts) == ((), False, "3 groups of channels can be cut")
    assert shuffled.cuts == SHUFFLES
    assert [(r.stage, r.why, r.always) for r in shuffled.refused] == [
        ("prune(magnitude, ratio 0.5)", SHUFFLES, False),
        ("prune(bn_scale, ratio 0.5)", SHUFFLES, False),
    ]
    assert not shuffled.hopeless  # it may go without pruning


def test_where_every_candidate_would_have_to_it_is_hopeless():
    always = {**PRUNE, "by": {"use": "bn_scale"}}
    (bare,) = tried({"order": [LEARN, always]}, students=[BARE])
    (refused,) = bare.refused
    assert refused.always
    assert refused.why == "there are no channels to cut that BnScale can judge; 25 groups were found"
    assert bare.hopeless


def test_methods_are_tried_with_an_untrained_teacher_and_without_any():
    crd = {**LEARN, "method": {"use": "crd"}, "batch_size": 32}
    (taught,) = tried(LEARN, crd)
    assert taught.refused == ()
    (alone,) = tried(LEARN, teacher=None)
    assert [r.why for r in alone.refused] == ["the study has no teacher"]
    (itself,) = tried(LEARN, students=[{"use": "same"}])
    assert not itself.hopeless


def test_what_cannot_be_built_says_why():
    (broken,) = tried(LEARN, students=[{"use": "python", "function": "hands:nobody"}])
    assert broken.hopeless
    assert broken.refused == (
        Refused(
            "",
            "function: hands:nobody failed with AttributeError: module 'hands' has no attribute 'nobody'",
            True,
        ),
    )


def test_weights_that_are_here_are_opened_and_downloads_are_not(tmp_path, monkeypatch):
    file = str(tmp_path / "w.safetensors")
    (gone,) = tried(LEARN, students=[{"use": "python", "function": "hands:own", "weights": file}])
    assert [r.why for r in gone.refused] == [f"weights: no such file: {file}"]
    save_file(own((1, 8, 8), 10, 4).state_dict(), file)
    (narrow,) = tried(LEARN, students=[{"use": "python", "function": "hands:own", "weights": file}])
    assert narrow.hopeless
    assert narrow.refused[0].why.startswith(f"weights: {file} does not fit hands:own: ")
    monkeypatch.setattr(Torchvision, "pretrain", lambda *_: pytest.fail("that is for the study to download"))
    known = {"use": "torchvision", "name": "shufflenet_v2_x0_5", "weights": "DEFAULT"}
    (fine,) = tried({"use": "finetune"}, students=[known])
    assert not fine.hopeless


def test_a_teacher_that_cannot_be_made_comes_first(tmp_path):
    saved = {"student": {"use": "saved", "model": str(tmp_path)}, "stages": []}
    bare = {"student": BARE, "stages": [{**PRUNE, "by": {"use": "bn_scale"}, "ratio": 0.5}]}
    assistant, fine = tried({"use": "finetune"}, teachers={"assistant": saved})
    assert assistant.student.startswith("assistant: saved(")
    assert assistant.refused == (Refused("", f"{tmp_path}: no manifest.json in it, so no model", True),)
    assert not fine.hopeless
    teacher, fine = tried({"use": "finetune"}, teacher=bare)
    assert teacher.student == "teacher: squeezenet(width 0.25)"
    assert [r.stage for r in teacher.refused] == ["prune(bn_scale, ratio 0.5)"]
    assert not fine.hopeless


def test_examples_are_shown_as_in_training(monkeypatch):
    """What the study does to them may be what cannot be done to these images, or by this method."""
    assert tried(LEARN, augment=({"use": "flip"},))[0].refused == ()

    def breaks(self, x, draws):
        raise Failure("unsupported", f"cannot turn images of {tuple(x.shape[1:])}")

    monkeypatch.setattr(Flip, "apply", breaks)
    *_, turned = tried(LEARN, augment=({"use": "crop", "pad": 1}, {"use": "flip"}))
    assert [r.why for r in turned.refused] == ["cannot turn images of (1, 8, 8)"]
    assert tried(LEARN)[0].refused == ()


def test_exports_and_bits_are_tried_too(monkeypatch):
    monkeypatch.undo()
    (fine,) = tried(INT8)
    assert fine.exports.endswith(" kB for onnxruntime")
    assert fine.refused == ()


LSQ = {"use": "quantize", "scheme": {"use": "lsq", "weights": 4}}


def test_bits_in_the_network_are_tried_in_the_runtimes_of_the_device():
    device = study().device
    several = device.model_copy(update={"runtimes": (Runtime(name="torch"), Runtime(name="onnxruntime"))})
    (fine,) = tried(LSQ, device=several)
    assert fine.refused == ()
    (alone,) = tried(INT8, device=device.model_copy(update={"runtimes": (Runtime(name="torch"),)}))
    assert [r.why.partition(",")[0] for r in alone.refused] == ["onnx_static rewrites ONNX files"]


def test_layers_that_keep_32_bits_are_named():
    (vit,) = tried(LSQ, students=[{"use": "vit", "dim": 48, "depth": 2, "patch": 2}])
    assert any("MultiheadAttention" in text for text in vit.floats), vit.floats
    assert tried(LSQ)[0].floats == ()


def test_what_the_device_cannot_run_is_refused_before_a_study_begins():
    picky = study().device.model_copy(update={"operators": Operators(deny=("conv2d",))})
    (refused,) = tried(LSQ, device=picky)[0].refused
    assert "conv2d is denied" in refused.why


def test_a_few_images_are_enough_and_none_of_the_test_split():
    data = digits()
    few = probe._some(data, 5)
    assert [len(split) for split in (few.train, few.val, few.test)] == [5, 5, 5]
    assert (few.train.x == data.train.x[:5]).all()
    assert (few.val.x == data.val.x[:5]).all()
    assert (few.test.x == data.val.x[:5]).all()


def test_a_stage_is_a_must_where_nothing_else_may_stand():
    assert list(probe._stages({"choice": [None, INT8]})) == [(INT8, False)]
    assert list(probe._stages(INT8)) == [(INT8, True)]


def test_every_kind_of_option_once_and_numbers_in_their_middle():
    tree = {
        "use": "prune",
        "by": {"choice": [{"use": "magnitude", "p": {"choice": [1, 2]}}, {"use": "taylor"}]},
        "ratio": {"float": [0.2, 0.6]},
        "steps": {"int": [1, 4]},
    }
    found = options({"choice": [None, tree, {"use": "finetune", "lr": {"float": [0.01, 1.0], "log": True}}]})
    assert found == [
        None,
        {"use": "prune", "by": {"use": "magnitude", "p": 1}, "ratio": 0.4, "steps": 2},
        {"use": "finetune", "lr": 0.1},
        {"use": "prune", "by": {"use": "taylor"}, "ratio": 0.4, "steps": 2},
    ]
