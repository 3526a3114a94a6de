"""What a network with grids says of itself, and what it would be without them."""

import pytest
import torch
from hands import BIGGER, fresh

from autocompress.compress.grid.grids import gridded
from autocompress.compress.quantizers.base import Quantizer
from autocompress.plugin import make

STUDENTS = [BIGGER, {"use": "mobilenet_v2", "width": 0.25}, {"use": "densenet", "growth": 4}]


@pytest.mark.parametrize("student", STUDENTS, ids=lambda s: s["use"])
def test_without_its_grids_a_network_answers_as_before(student):
    model, scheme = fresh(student, inputs=(1, 32, 32)), make(Quantizer, {"use": "lsq", "weights": 2})
    placed = scheme.placed(model)
    bare = scheme.whole(placed.net)
    x = torch.rand(4, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(bare(x), model.net(x), atol=1e-5, rtol=1e-4)
    assert not gridded(bare)
    assert gridded(placed.net)  # it is a copy
    assert not [name for name, _ in bare.named_parameters() if "times" in name]


def test_layers_say_their_bits_and_those_of_what_they_read():
    scheme = make(Quantizer, {"use": "lsq", "weights": 4, "activations": 6, "layers": {"stages.1.*": 3}})
    bits = scheme.layer_bits(scheme.placed(fresh(BIGGER)).net)
    names = list(bits)
    assert bits[names[0]] == bits[names[-1]] == (8, 8)  # the ends
    assert bits["stages.0.0.conv1"] == (4, 6)
    assert bits["stages.1.0.conv2"] == (3, 6)


def test_a_scheme_for_files_says_the_same_of_every_layer():
    bits = make(Quantizer, "onnx_static").layer_bits(fresh(BIGGER).net)
    assert set(bits.values()) == {(8, 8)}
    assert len(bits) > 5
