"""Every quantizer: close to what it was given, smaller, quiet, the same each time; on the file, or on the network."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hands import BIGGER, FAST, digits, finish, fresh, lab, made, same, settings, state

from autocompress.compress.manifest import load, save
from autocompress.compress.model import Model
from autocompress.compress.quantizers._on_file import OnFile
from autocompress.compress.quantizers._on_network import OnNetwork
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.quantizers.onnx_static import OnnxStatic
from autocompress.compress.train import fit
from autocompress.measure.accuracy import answers
from autocompress.measure.export import to_onnx
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.measure.slim import slim
from autocompress.values.dialect import Dialect


def on(what: str) -> pytest.MarkDecorator:
    cases = [case for case in settings(Quantizer) if made(Quantizer, case.values[0]).works_on == what]
    return pytest.mark.parametrize("quantizer", cases)


every_on_files, every_on_networks = on("file"), on("network")
DIALECTS = [Dialect(), Dialect(signed=True, one_reader=True), Dialect(signed=True, folded=False)]


@pytest.fixture(scope="module")
def model() -> Model:
    """A trained one: ranges of random weights tell little."""
    return finish(fit(fresh(BIGGER), lab(), replace(FAST, epochs=4)))


@pytest.fixture(scope="module")
def source(model, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("float") / "float.onnx"
    to_onnx(model.net, model.inputs, file)
    return file


def calibration(quantizer: Quantizer):
    data = digits()
    x = data.prepared(data.train.x[: quantizer.calibration_examples])
    return (x[start : start + 32] for start in range(0, len(x), 32))


@every_on_files
def test_close_to_float_and_smaller(quantizer, source, tmp_path):
    plugin, target = made(Quantizer, quantizer), tmp_path / "small.onnx"
    plugin.convert(source, target, calibration(plugin))
    slim(target)
    data = digits()
    x = data.prepared(data.val.x)
    expected, found = (answers(Onnxruntime().open(file), [x]) for file in (source, target))
    assert (expected.argmax(1) == found.argmax(1)).mean() >= 0.95
    assert np.abs(expected - found).mean() < 0.1 * np.abs(expected).mean()
    assert target.stat().st_size < (0.25 + plugin.weight_bits / 32) * source.stat().st_size
    assert 1 <= plugin.weight_bits < 32


@every_on_files
def test_quiet_and_leaves_nothing_behind(quantizer, source, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    plugin = made(Quantizer, quantizer)
    plugin.convert(source, tmp_path / "small.onnx", calibration(plugin))
    assert os.listdir(tmp_path) == ["small.onnx"]
    assert capfd.readouterr() == ("", "")


@every_on_files
def test_the_same_bytes_each_time(quantizer, source, tmp_path):
    plugin = made(Quantizer, quantizer)
    files = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for file in files:
        plugin.convert(source, file, calibration(plugin))
    assert files[0].read_bytes() == files[1].read_bytes()


@every_on_files
def test_one_that_works_on_the_file_leaves_the_network_alone(quantizer):
    plugin, model = made(Quantizer, quantizer), fresh()
    assert isinstance(plugin, OnFile)
    assert not isinstance(plugin, OnNetwork)
    before = state(model)
    for found in (plugin.placed(model), plugin.prepare(model, lab())):
        assert found.quantizer is not None, "it is noted for whoever exports the model"
        assert found.quantizer["use"] == quantizer["use"]
        assert same(before, state(found))
        assert plugin.frozen(found.net, Dialect()) is found.net
        assert plugin.bits_of(found.net) == plugin.weight_bits


@every_on_networks
def test_one_that_works_on_the_network_has_no_business_with_files(quantizer):
    plugin = made(Quantizer, quantizer)
    assert isinstance(plugin, OnNetwork)
    assert not hasattr(plugin, "convert")
    assert not hasattr(plugin, "calibration_examples")


@every_on_networks
def test_a_network_answers_as_before_in_fewer_bits(quantizer, model):
    plugin, x = made(Quantizer, quantizer), shown()
    before = state(model)
    quantized = plugin.prepare(model, lab())
    assert same(before, state(model))
    with torch.no_grad():
        expected, found = model.net(x), quantized.net(x)
    assert (expected.argmax(1) == found.argmax(1)).float().mean() >= 0.95
    assert quantized.quantizer is not None
    assert 1 <= plugin.bits_of(quantized.net) < 32


@every_on_networks
def test_what_is_placed_has_the_shapes_of_what_is_prepared(quantizer, model, tmp_path):
    plugin = made(Quantizer, quantizer)
    quantized, placed = plugin.prepare(model, lab()), plugin.placed(model)
    assert {n: t.shape for n, t in state(quantized).items()} == {n: t.shape for n, t in state(placed).items()}
    save(quantized, tmp_path, mean=(0.3,), std=(0.4,))
    assert same(state(load(tmp_path)), state(quantized))


@every_on_networks
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_frozen_in_any_dialect_it_answers_the_same(quantizer, dialect, model):
    plugin, x = made(Quantizer, quantizer), shown()
    quantized = plugin.prepare(model, lab())
    before = state(quantized)
    frozen = plugin.frozen(quantized.net, dialect)
    assert same(before, state(quantized))
    with torch.no_grad():
        torch.testing.assert_close(frozen(x), quantized.net(x))
    assert not any(p.requires_grad for p in frozen.parameters())


@every_on_networks
def test_the_same_grids_each_time(quantizer, model):
    plugin = made(Quantizer, quantizer)
    torch.manual_seed(1)
    one = plugin.prepare(model, lab())
    torch.manual_seed(2)
    assert same(state(one), state(plugin.prepare(model, lab())))


def shown() -> torch.Tensor:
    data = digits()
    return torch.from_numpy(data.prepared(data.val.x))


def test_onnx_static_activations_are_unsigned_and_weights_signed(source, tmp_path):
    """Signed activations run in float or scalar kernels on x86: right answers, several times slower."""
    plugin, target = OnnxStatic(), tmp_path / "small.onnx"
    plugin.convert(source, target, calibration(plugin))
    graph = onnx.load(target).graph
    types = {i.name: onnx.TensorProto.DataType.Name(i.data_type) for i in graph.initializer}
    filters = [n for n in graph.node if n.op_type == "DequantizeLinear" and types.get(n.input[0]) != "INT32"]
    assert {types[n.input[2]] for n in graph.node if n.op_type == "QuantizeLinear"} == {"UINT8"}
    assert {types[n.input[0]] for n in filters if n.input[0] in types} == {"INT8"}
