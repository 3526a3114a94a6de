"""Every quantizer: close to the float file, smaller, quiet, the same bytes each time."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hands import BIGGER, FAST, digits, finish, fresh, lab, made, settings

from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.quantizers.onnx_static import OnnxStatic
from autocompress.compress.train import fit
from autocompress.measure.accuracy import answers
from autocompress.measure.export import to_onnx
from autocompress.measure.slim import slim
from autocompress.measure.runtimes.onnxruntime import Onnxruntime

every = pytest.mark.parametrize("quantizer", settings(Quantizer))


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A trained file: ranges of random weights tell little."""
    model = finish(fit(fresh(BIGGER), lab(), replace(FAST, epochs=4)))
    file = tmp_path_factory.mktemp("float") / "float.onnx"
    to_onnx(model.net, model.inputs, file)
    return file


def calibration(quantizer: Quantizer):
    data = digits()
    x = data.prepared(data.train.x[: quantizer.calibration_examples])
    return (x[start : start + 32] for start in range(0, len(x), 32))


@every
def test_close_to_float_and_smaller(quantizer, source, tmp_path):
    plugin, target = made(Quantizer, quantizer), tmp_path / "small.onnx"
    plugin.convert(source, target, calibration(plugin))
    slim(target)
    data = digits()
    x = data.prepared(data.val.x)
    expected, found = (answers(Onnxruntime().open(file), [x]) for file in (source, target))
    assert (expected.argmax(1) == found.argmax(1)).mean() >= 0.95
    assert np.abs(expected - found).mean() < 0.1 * np.abs(expected).mean()
    assert target.stat().st_size < 0.5 * source.stat().st_size
    assert 1 <= plugin.weight_bits < 32


@every
def test_quiet_and_leaves_nothing_behind(quantizer, source, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    plugin = made(Quantizer, quantizer)
    plugin.convert(source, tmp_path / "small.onnx", calibration(plugin))
    assert os.listdir(tmp_path) == ["small.onnx"]
    assert capfd.readouterr() == ("", "")


@every
def test_the_same_bytes_each_time(quantizer, source, tmp_path):
    plugin = made(Quantizer, quantizer)
    files = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for file in files:
        plugin.convert(source, file, calibration(plugin))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_onnx_static_activations_are_unsigned_and_weights_signed(source, tmp_path):
    """Signed activations run in float or scalar kernels on x86: right answers, several times slower."""
    plugin, target = OnnxStatic(), tmp_path / "small.onnx"
    plugin.convert(source, target, calibration(plugin))
    graph = onnx.load(target).graph
    types = {i.name: onnx.TensorProto.DataType.Name(i.data_type) for i in graph.initializer}
    filters = [n for n in graph.node if n.op_type == "DequantizeLinear" and types.get(n.input[0]) != "INT32"]
    assert {types[n.input[2]] for n in graph.node if n.op_type == "QuantizeLinear"} == {"UINT8"}
    assert {types[n.input[0]] for n in filters if n.input[0] in types} == {"INT8"}
