"""What only the order of stages shows, and is worth a warning: nothing learns in time, or the device cannot run it."""

import pytest

from autocompress.config.diagnostic import Diagnostic
from autocompress.config.load import load_space, load_study

HINT = "\n    hint: let a stage train before it, or begin with weights: same, saved, or pretrained ones"
INTEGERS = """\
schema: autocompress.study/v1
name: demo
data: digits
space:
  student: STUDENT
  stages: [{use: finetune, epochs: 2}, STAGE]
device: {extends: this-machine, id: integers, name: Only integers, precision: {weights: {bits: [8]}}}
teacher: {student: resnet}
budget: {trials: 3}
"""
FAILS = (
    "4:1: warning[unfit]: space: the device runs weights of 8 bits, and one in 32 bits, which will fail, can be asked "
    "for: {}\n    hint: let every candidate quantize: leave 'none' out of its choice"
)


def warned(student: str, *stages: str) -> str:
    text = "".join(f"- {stage}\n" for stage in stages)
    remarks: list[Diagnostic] = []
    load_space("x.yaml", source=f"schema: autocompress.space/v1\nstudent: {student}\nstages:\n{text}", remarks=remarks)
    return "\n".join(map(str, remarks)).replace("x.yaml:", "")


QUANTIZE = "{use: quantize, scheme: lsq}"


@pytest.mark.parametrize(
    ("stages", "place", "recipe"),
    [
        ([QUANTIZE, "finetune"], "4:9: {} stages.0.use", "cnn → quantize(lsq) → finetune"),
        (["{use: quantize, scheme: lsq, recover: 5}"], "4:9: {} stages.0.use", "cnn → quantize(recover 5, lsq)"),
        (
            [f"order: [finetune, {QUANTIZE}]"],
            "4:27: {} stages.0.order.1.use",
            "cnn → quantize(lsq) → finetune",
        ),
        (
            ["{choice: [finetune, none]}", QUANTIZE],
            "5:9: {} stages.1.use",
            "cnn → quantize(lsq)",
        ),
        (
            ["{use: prune, by: magnitude, recover: {choice: [5, 0]}}", QUANTIZE],
            "5:9: {} stages.1.use",
            "cnn → prune(magnitude, recover 0) → quantize(lsq)",
        ),
        (
            ["{choice: [none, {use: quantize, scheme: {choice: [onnx_static, lsq]}}]}"],
            "4:25: {} stages.0.choice.1.use",
            "cnn → quantize(lsq)",
        ),
    ],
)
def test_bits_before_any_training(stages: list[str], place: str, recipe: str) -> None:
    text = f"'quantize' wants a trained network, and nothing trains before it in {recipe}"
    assert warned("cnn", *stages) == f"{place.format('warning[untrained]:')}: {text}{HINT}"


@pytest.mark.parametrize(
    ("student", "stages"),
    [
        ("cnn", ["finetune", QUANTIZE]),
        ("cnn", ["{choice: [finetune, {use: distill, method: logit}]}", f"order: [finetune, {QUANTIZE}]"]),
        ("cnn", ["{use: prune, by: magnitude, recover: {int: [1, 5]}}", QUANTIZE]),
        ("cnn", ["{use: lottery, by: magnitude}", QUANTIZE]),
        ("cnn", ["{use: quantize, scheme: onnx_static}"]),
        ("same", [QUANTIZE]),
        ("{use: saved, model: somewhere}", [QUANTIZE]),
        ("{use: torchvision, name: resnet18, weights: DEFAULT}", [QUANTIZE]),
        ("{use: python, function: 'nets:own', weights: later.safetensors}", [QUANTIZE]),
    ],
)
def test_where_something_has_learned_there_is_nothing_to_say(student: str, stages: list[str]) -> None:
    assert warned(student, *stages) == ""


def test_of_several_students_one_that_is_new_is_shown() -> None:
    assert "in dscnn → quantize(lsq)" in warned("{choice: [same, dscnn]}", QUANTIZE)


def unfit(stage: str, student: str = "cnn") -> str:
    remarks: list[Diagnostic] = []
    text = INTEGERS.replace("STAGE", stage).replace("STUDENT", student)
    assert load_study("x.yaml", source=text, remarks=remarks).device is not None
    return "\n".join(map(str, remarks)).replace("x.yaml:", "")


def test_a_space_that_need_not_quantize_for_a_device_of_integers() -> None:
    assert unfit("{choice: [none, {use: quantize, scheme: lsq}]}") == FAILS.format("cnn → finetune(epochs 2)")
    assert unfit("{use: quantize, scheme: {choice: [lsq, onnx_static]}}") == ""
    assert unfit("{choice: [none, {use: quantize, scheme: lsq}]}", "{use: saved, model: somewhere}") == ""
