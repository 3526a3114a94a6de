"""Where a candidate begins: what it takes over from the model it starts as, and what is for the recipe to say."""

from dataclasses import replace

import pytest
from hands import BIGGER, fresh, same, state

from autocompress.compress.manifest import save
from autocompress.compress.model import Model
from autocompress.compress.start import started

QUANTIZED = replace(fresh(BIGGER), quantizer={"use": "onnx_static", "examples": 32}, sparse=("stages.0.0.conv1",))


def begun(student, teacher=lambda: pytest.fail("nobody asked for the teacher")) -> Model:
    return started(student, (1, 8, 8), 10, 0, teacher)


def test_the_teacher_itself_is_begun_with_as_a_copy_whose_file_is_not_quantized_yet():
    model = begun({"use": "same"}, lambda: QUANTIZED)
    assert model.quantizer is None
    assert model.sparse == QUANTIZED.sparse
    assert same(state(model), state(QUANTIZED))
    assert model.net is not QUANTIZED.net


def test_so_is_a_model_that_somebody_kept(tmp_path):
    save(QUANTIZED, tmp_path, mean=(0.5,), std=(0.5,))
    model = begun({"use": "saved", "model": str(tmp_path)})
    assert model.quantizer is None
    assert model.sparse == QUANTIZED.sparse
    assert same(state(model), state(QUANTIZED))
