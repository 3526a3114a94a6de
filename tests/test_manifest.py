"""A model on disk comes back to the bit, without the library that cut it; and a damaged one is told what is wrong."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from hands import BIGGER, SMALL, fresh, lab, same, sizes, state

from autocompress.compress.cutting.surgery import cut
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.compress.manifest import MANIFEST, SCHEMA, WEIGHTS, load, read, save

STUDENTS = [SMALL, BIGGER, {"use": "resnet", "depth": 14, "width": 12}]
MOMENTS = {"mean": (0.3,), "std": (0.4,)}


@pytest.mark.parametrize("student", STUDENTS, ids=str)
@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.9])
def test_comes_back_to_the_bit(student, ratio, tmp_path):
    model = cut(fresh(student), lab(round_to=1), ratio, Magnitude())
    save(model, tmp_path, **MOMENTS)
    again = load(tmp_path)
    assert same(state(model), state(again))
    assert (again.student, again.inputs, again.classes) == (model.student, model.inputs, model.classes)
    x = torch.randn(3, 1, 8, 8)
    assert torch.equal(model.net(x), again.net(x))
    assert str(model.net) == str(again.net)  # the layers say of themselves what they are


def test_a_loaded_model_can_be_cut_again(tmp_path):
    save(cut(fresh(BIGGER), lab(round_to=1), 0.5, Magnitude()), tmp_path, **MOMENTS)
    again = load(tmp_path)
    assert sizes(cut(again, lab(round_to=1), 0.5, Magnitude())) != sizes(again)


def test_the_manifest_says_what_is_needed(tmp_path):
    quantizer = {"use": "onnx_static", "examples": 32}
    save(replace(cut(fresh(SMALL), lab(), 0.5), quantizer=quantizer), tmp_path, **MOMENTS)
    manifest = read(tmp_path)
    assert manifest["schema"] == SCHEMA
    assert manifest["student"] == SMALL
    assert manifest["inputs"] == [1, 8, 8]
    assert manifest["widths"]["blocks.1.0"] == [4, 8, 1]
    assert manifest["widths"]["blocks.1.1"] == [8, 8, 1]
    assert manifest["normalise"] == {"mean": [0.3], "std": [0.4]}
    assert load(tmp_path).quantizer == quantizer
    assert sorted(f.name for f in tmp_path.iterdir()) == [MANIFEST, WEIGHTS]


def test_equal_models_are_equal_bytes(tmp_path):
    for name in ("one", "two"):
        save(fresh(BIGGER), tmp_path / name, **MOMENTS)
    for file in (MANIFEST, WEIGHTS):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_loads_without_the_pruning_library(tmp_path):
    save(cut(fresh(BIGGER), lab(round_to=1), 0.5, Magnitude()), tmp_path, **MOMENTS)
    code = (
        "import sys; from pathlib import Path; from autocompress.compress.manifest import load;"
        f"m = load(Path({str(tmp_path)!r})); m.net(m.example());"
        "print([x for x in ('torch_pruning', 'torchvision', 'onnx') if x in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def changed(folder, **changes):
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    (folder / MANIFEST).write_text(json.dumps({k: v for k, v in manifest.items() if v != "gone"}))


MISTAKES = {
    "empty folder": (lambda f: (f / MANIFEST).unlink(), f"no {MANIFEST} in it, so no model"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), f"no such file, but {MANIFEST} is there"),
    "damaged": (lambda f: (f / WEIGHTS).write_bytes(b"x" * 100), f"its SHA-256 is not the one in {MANIFEST}"),
    "not JSON": (lambda f: (f / MANIFEST).write_text("{"), "not JSON"),
    "other schema": (lambda f: changed(f, schema="x/v9"), f"wants schema '{SCHEMA}', found 'x/v9'"),
    "a list": (lambda f: (f / MANIFEST).write_text("[]"), f"wants schema '{SCHEMA}', found None"),
    "key missing": (lambda f: changed(f, widths="gone", student="gone"), "student, widths missing"),
    "other student": (lambda f: changed(f, student=BIGGER), "the weights do not fit"),
    "other widths": (lambda f: changed(f, widths={"nowhere": [1, 1, 1]}), "the weights do not fit"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_wrong_with_a_folder_is_said(mistake, tmp_path):
    save(fresh(SMALL), tmp_path, **MOMENTS)
    act, message = MISTAKES[mistake]
    act(tmp_path)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)
