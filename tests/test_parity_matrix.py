"""Whole or pruned, by every scheme, in the default runtime: the file answers as the network did. The whole table, with
every student and every runtime, is `benchmarks/parity.py`."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from hands import BIGGER, FAST, SMALL, digits, finish, fresh, lab

from autocompress.compress.cutting.surgery import cut
from autocompress.compress.importances.base import Importance
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.train import fit
from autocompress.measure.executed import executed
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.plugin import make
from autocompress.study.deploy import lowered

STUDENTS = {"cnn": SMALL, "resnet": BIGGER, "mbnet": {"use": "mbnet", "widths": [8, 16, 24]}}
SCHEMES = {
    "32 bits": None,
    "onnx_static": {"use": "onnx_static", "examples": 32},
    "half": {"use": "half"},
    "W8A8": {"use": "lsq", "weights": 8},
    "W4A4": {"use": "lsq", "weights": 4, "activations": 4},
}


@cache
def variant(student: str, pruned: bool) -> Model:
    model = finish(fit(fresh(STUDENTS[student]), lab(), replace(FAST, epochs=4)))
    if not pruned:
        return model
    smaller = cut(model, lab(), 0.4, make(Importance, "magnitude"))
    return finish(fit(smaller, lab(), replace(FAST, epochs=1)))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("pruned", [False, True], ids=["whole", "pruned"])
@pytest.mark.parametrize("student", STUDENTS)
def test_the_file_answers_as_the_network(student, pruned, scheme, tmp_path):
    model, data = variant(student, pruned), digits()
    if SCHEMES[scheme]:
        model = make(Quantizer, SCHEMES[scheme]).prepare(model, lab())
    file = lowered(model, Onnxruntime(), tmp_path, data)
    x = data.prepared(data.val.x)
    with torch.inference_mode():
        expected = model.net(torch.from_numpy(x)).argmax(1).numpy()
    found = Onnxruntime().open(file)(x).argmax(1)
    assert (found == expected).mean() >= (0.95 if scheme == "onnx_static" else 0.98)
    if scheme in ("onnx_static", "W8A8", "W4A4"):
        assert executed(file).floating == 0
