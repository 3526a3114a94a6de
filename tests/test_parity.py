"""Beyond the tolerances a file is refused, and the layer is named where it begins to answer otherwise."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hands import BIGGER, SMALL, digits, fresh, lab
from onnx import numpy_helper
from torch import nn

from autocompress.compress.quantizers.base import Quantizer
from autocompress.errors import Failure
from autocompress.measure.difference import first_difference
from autocompress.measure.export import to_onnx
from autocompress.measure.parity import parity
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.plugin import make


def images(many: int = 16) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((many, 1, 8, 8), dtype=np.float32)


def stirred(student) -> nn.Module:
    net, generator = fresh(student).net, torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    with torch.no_grad():  # fresh nets have one answer for everything
        net.head.bias -= net(torch.from_numpy(images(64))).mean(0)
    return net


@pytest.fixture(scope="module")
def faithful(tmp_path_factory):
    file = tmp_path_factory.mktemp("faithful") / "model.onnx"
    to_onnx(stirred(BIGGER), (1, 8, 8), file)
    return file


def broken(file: Path, folder: Path, weights: np.ndarray) -> Path:
    """The same file with half of the signs of one layer's weights turned. The layer is known by its shape."""
    model = onnx.load(file)
    same = [i for i in model.graph.initializer if sorted(i.dims) == sorted(weights.shape)]
    assert len(same) == 1, "the test wants a layer whose shape is its own"
    values = numpy_helper.to_array(same[0]).copy()
    values[: len(values) // 2] *= -1
    same[0].CopyFrom(numpy_helper.from_array(values, same[0].name))
    onnx.save(model, folder / "broken.onnx")
    return folder / "broken.onnx"


def test_nothing_differs_in_a_faithful_file(faithful):
    assert first_difference(stirred(BIGGER), faithful, images()) is None


@pytest.mark.parametrize("layer", ["stages.1.0.conv1", "stages.1.0.shortcut.0", "stages.2.0.conv1", "head"])
def test_the_broken_layer_is_named_and_none_behind_it(layer, faithful, tmp_path):
    net = stirred(BIGGER)
    file = broken(faithful, tmp_path, net.get_submodule(layer).weight.detach().numpy())
    found = first_difference(net, file, images())
    assert found is not None
    assert found.layer == layer
    assert found.by > 0.1


def test_among_integers_too(tmp_path):
    scheme = make(Quantizer, {"use": "lsq"})
    ready = scheme.prepare(fresh(SMALL), lab())
    net, x = scheme.frozen(ready.net, Onnxruntime.dialect), digits().prepared(digits().val.x)
    to_onnx(net, (1, 8, 8), tmp_path / "model.onnx")
    assert first_difference(net, tmp_path / "model.onnx", x) is None
    file = broken(tmp_path / "model.onnx", tmp_path, fresh(SMALL).net.blocks[1][0].weight.detach().numpy())
    found = first_difference(net, file, x)
    assert found is not None
    assert found.layer == "blocks.1.0"


def test_a_refused_file_says_where(faithful, tmp_path):
    net, x = stirred(BIGGER), images(64)
    file = broken(faithful, tmp_path, net.stages[2][0].conv1.weight.detach().numpy())
    y = net(torch.from_numpy(x)).detach().numpy().argmax(1)
    with pytest.raises(Failure, match=r"the first layer that differs is stages\.2\.0\.conv1, by \d+\.\d% of") as caught:
        parity(net, Onnxruntime().open(file)(x), [x], y, file=file)
    assert caught.value.code == "parity"


def test_other_layers_are_written_only_for_a_file_that_is_refused(faithful, tmp_path):
    net, x = stirred(BIGGER), images(64)
    y = net(torch.from_numpy(x)).detach().numpy().argmax(1)
    never = lambda: pytest.fail("nobody asked for them")  # noqa: E731
    assert parity(net, Onnxruntime().open(faithful)(x), [x], y, file=faithful, layers=never).agreement == 1
    file, written = broken(faithful, tmp_path, net.head.weight.detach().numpy()), []
    with pytest.raises(Failure, match="the first layer that differs is head"):
        parity(net, Onnxruntime().open(file)(x), [x], y, file=file, layers=lambda: written.append(1) or net)
    assert written == [1]


def test_a_file_that_cannot_be_looked_into_is_refused_all_the_same(tmp_path):
    net, x = stirred(SMALL), images()
    wrong = -net(torch.from_numpy(x)).detach().numpy()
    with pytest.raises(Failure, match=r"a \.pte file does not show its layers"):
        parity(net, wrong, [x], wrong.argmax(1), file=tmp_path / "model.pte")
    with pytest.raises(Failure, match="its layers cannot be looked at"):
        parity(net, wrong, [x], wrong.argmax(1), file=tmp_path / "absent.onnx")
    to_onnx(net, (1, 8, 8), tmp_path / "model.onnx")
    with pytest.raises(Failure, match="layer by layer it answers as the network does in ONNX Runtime"):
        parity(net, wrong, [x], wrong.argmax(1), file=tmp_path / "model.onnx")


def test_tolerances_are_98_percent_and_half_a_point():
    x = images(1000)
    net = stirred(SMALL)
    logits = net(torch.from_numpy(x)).detach().numpy()
    y = logits.argmax(1)

    def wrong(many: int) -> np.ndarray:
        other = logits.copy()
        other[:many] = -other[:many]
        return other

    parity(net, wrong(5), [x], y)
    with pytest.raises(Failure, match=r"99\.40%"):
        parity(net, wrong(6), [x], y)
    elsewhere = (y + 1) % 10  # the network is wrong everywhere: only agreement can refuse
    elsewhere[:30] = -1
    parity(net, wrong(20), [x], elsewhere)
    with pytest.raises(Failure, match=r"97\.90%"):
        parity(net, wrong(21), [x], elsewhere)
