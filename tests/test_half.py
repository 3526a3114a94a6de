"""Sixteen bits: stored so, or computed so too; what the runtime refuses is a Failure that says why."""

import numpy as np
import onnx
import pytest
import torch
from hands import BIGGER, fresh
from onnx import TensorProto

from autocompress.compress.quantizers import half
from autocompress.compress.quantizers.half import Half
from autocompress.errors import Failure
from autocompress.measure.export import to_onnx
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.measure.slim import slim


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("source") / "whole.onnx"
    model = fresh({**BIGGER, "width": 16})
    to_onnx(model.net, model.inputs, file)
    return file


@pytest.mark.parametrize(("settings", "near"), [({}, 2e-3), ({"compute": "half"}, 1e-2), ({"format": "bf16"}, 2e-2)])
def test_half_the_file_and_nearly_the_same_answers(source, tmp_path, settings, near):
    plugin, target = Half(**settings), tmp_path / "half.onnx"
    assert (plugin.weight_bits, plugin.calibration_examples) == (16, 0)
    plugin.convert(source, target, iter(()))
    slim(target)
    graph = onnx.load(target).graph
    onnx.checker.check_model(target, full_check=True)
    ends = [value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)]
    assert ends == [TensorProto.FLOAT] * 2
    held = {i.data_type for i in graph.initializer if len(i.dims) > 1}
    assert held == {TensorProto.BFLOAT16 if plugin.format == "bf16" else TensorProto.FLOAT16}
    assert target.stat().st_size < 0.53 * source.stat().st_size
    for batch in (1, 5):
        x = torch.randn(batch, 1, 8, 8).numpy()
        expected, found = (Onnxruntime().open(file)(x) for file in (source, target))
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < near * np.abs(expected).max()
        assert (found != expected).any()


def test_what_the_runtime_refuses(source, tmp_path, capfd):
    with pytest.raises(Failure, match=r"does not run this network in bf16: .*bfloat16.*Conv") as caught:
        Half(format="bf16", compute="half").convert(source, tmp_path / "half.onnx", iter(()))
    assert caught.value.code == "unsupported"
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_a_runtime_that_never_comes_back_is_a_failure(source, tmp_path, monkeypatch):
    monkeypatch.setattr(half, "OPEN", "import time; time.sleep(60)")
    monkeypatch.setattr(half, "PATIENCE", 0.2)
    with pytest.raises(Failure) as caught:
        Half(compute="half").convert(source, tmp_path / "half.onnx", iter(()))
    assert (caught.value.code, str(caught.value)) == (
        "timeout",
        "ONNX Runtime did not open this network in fp16 within 0.2 s",
    )
    assert not list(tmp_path.iterdir())


def test_a_weight_that_is_too_large(tmp_path):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Flatten(), torch.nn.Linear(288, 2))
    with torch.no_grad():
        net[2].weight[0, 0] = 1e5
    to_onnx(net, (1, 8, 8), tmp_path / "whole.onnx")
    with pytest.raises(Failure, match=r"a weight of 1e\+05 does not fit into fp16") as caught:
        Half().convert(tmp_path / "whole.onnx", tmp_path / "half.onnx", iter(()))
    assert caught.value.code == "unsupported"
    Half(format="bf16").convert(tmp_path / "whole.onnx", tmp_path / "half.onnx", iter(()))
