"""Eight bits after training: what the ranges are, what stays in floats, that nothing else does."""

import numpy as np
import onnx
import pytest
import torch
from hands import BIGGER, digits, fresh
from onnx import numpy_helper
from torch import nn

from autocompress.compress.quantizers import _ranges
from autocompress.compress.quantizers._ranges import ranges
from autocompress.compress.quantizers.onnx_static import OnnxStatic
from autocompress.measure.executed import executed
from autocompress.measure.export import to_onnx
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.measure.stored import stored

WAYS = ("minmax", "average", "percentile")


class Gated(nn.Module):
    """A squeeze, and hard gates of both kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.squeeze, self.excite = nn.Conv2d(16, 8, 1), nn.Conv2d(8, 16, 1)
        self.body, self.head = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.hardswish(self.stem(x))
        squeezed = nn.functional.relu(self.squeeze(x.mean((2, 3), keepdim=True)))
        x = x * nn.functional.hardsigmoid(self.excite(squeezed))
        return self.head(nn.functional.hardswish(self.body(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("source") / "resnet.onnx"
    model = fresh(BIGGER)
    to_onnx(model.net, model.inputs, file)
    return file


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("gated") / "gated.onnx"
    net = Gated()
    with torch.no_grad():
        for part in (net.stem, net.excite, net.body):
            part.weight *= 6  # far enough for the gates to shut and to open
    to_onnx(net, (3, 16, 16), file)
    return file


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def images(many):
    data = digits()
    return data.prepared(data.train.x[:many])


def seen(file):
    return onnx.shape_inference.infer_shapes(onnx.load(file))


def test_ranges_by_hand():
    x = noise(100, 5_000)
    x[3, 7], x[60, 8] = 50, -40
    cuts = np.split(x, [1, 4, 30, 31])
    found = {}
    for way in WAYS:
        span = _ranges._span(way, 100)
        for piece in cuts:
            span.see(piece)
        found[way] = span.range
    assert found["minmax"] == (-40, 50)
    groups = np.split(x, range(16, 100, 16))
    assert found["average"] == pytest.approx((np.mean([g.min() for g in groups]), np.mean([g.max() for g in groups])))
    inner = np.sort(np.abs(x.reshape(-1)))[-6]  # 5 of 500 000 are outside
    assert found["percentile"] == (-inner, inner)
    assert inner < 6


def test_a_percentile_never_reaches_past_what_was_seen():
    span = _ranges._span("percentile", 2)
    span.see(np.maximum(noise(2, 300), 0))
    low, high = span.range
    assert low == 0
    assert high == np.maximum(noise(2, 300), 0).max()


@pytest.mark.parametrize("way", WAYS)
def test_ranges_do_not_depend_on_batches_or_memory(way, source, monkeypatch):
    x = images(48)
    expected = ranges(seen(source), [x], way, 48)
    assert {"x", "y"} < set(expected)
    monkeypatch.setattr(_ranges, "ROOM", 1)
    found = ranges(seen(source), [x[:5], x[5:37], x[37:]], way, 48)
    assert found.keys() == expected.keys()
    for name, span in expected.items():
        assert found[name] == pytest.approx(span, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_memory_is_bounded(way, source, monkeypatch):
    """Whatever the batch: the tensors of a run fit into the room, or belong to one example."""
    opened, runs = _ranges._open, []

    class Watched:
        def __init__(self, *given):
            self.session = opened(*given)

        def run(self, names, shown):
            found = self.session.run(names, shown)
            runs.append((len(shown["x"]), sum(each.nbytes for each in (*shown.values(), *found))))
            return found

    monkeypatch.setattr(_ranges, "_open", Watched)
    monkeypatch.setattr(_ranges, "ROOM", 300_000)
    ranges(seen(source), [images(128)], way, 128)
    many, sizes = zip(*runs, strict=True)
    assert sum(many) == 128
    assert many[0] == 1
    assert 1 < max(many) < 128
    assert 150_000 < max(sizes) <= 300_000


@pytest.mark.parametrize("way", WAYS)
def test_each_way_and_number_of_examples_is_another_file(way, source, tmp_path):
    scales = {}
    for examples in (32, 128):
        plugin, target = OnnxStatic(calibrate=way, examples=examples), tmp_path / f"{examples}.onnx"
        assert plugin.calibration_examples == examples
        plugin.convert(source, target, iter([images(examples)]))
        held = {i.name: numpy_helper.to_array(i) for i in onnx.load(target).graph.initializer}
        scales[examples] = {
            name: float(value) for name, value in held.items() if value.shape == () and value.dtype == "f4"
        }
    assert scales[32].keys() == scales[128].keys()
    assert scales[32] != scales[128]
    if way == "minmax":
        assert all(scales[32][name] <= scales[128][name] for name in scales[32])


def test_everything_runs_as_integers(source, tmp_path):
    OnnxStatic().convert(source, tmp_path / "eight.onnx", iter([images(32)]))
    onnx.checker.check_model(tmp_path / "eight.onnx", full_check=True)
    assert list(stored(tmp_path / "eight.onnx")) == list(stored(source))  # in the same order
    found = executed(tmp_path / "eight.onnx")
    assert (found.floating, found.types) == (0, ("u8s8",))
    assert found.kinds["QuantizeLinear"] == found.kinds["DequantizeLinear"] == 1  # at the two ends
    assert not {"Add", "Relu", "GlobalAveragePool", "BatchNormalization"} & set(found.kinds)


def test_the_first_convolution_may_stay_in_floats(source, tmp_path):
    for keep in ("none", "first"):
        OnnxStatic(keep=keep).convert(source, tmp_path / f"{keep}.onnx", iter([images(32)]))
    none, first = (executed(tmp_path / f"{keep}.onnx") for keep in ("none", "first"))
    assert (first.integer, first.floating) == (none.integer - 1, 1)
    convolutions = [n for n in onnx.load(tmp_path / "first.onnx").graph.node if n.op_type == "Conv"]
    held = {i.name: i.data_type for i in onnx.load(tmp_path / "first.onnx").graph.initializer}
    assert [held.get(n.input[1]) for n in convolutions] == [onnx.TensorProto.FLOAT] + [None] * (len(convolutions) - 1)


def test_hard_gates_are_integers_too(gated, tmp_path):
    x = noise(64, 3, 16, 16)
    before = gated.read_bytes()
    OnnxStatic().convert(gated, tmp_path / "eight.onnx", iter([x]))
    assert gated.read_bytes() == before
    kinds = executed(tmp_path / "eight.onnx").kinds
    assert not {"HardSwish", "HardSigmoid", "Add", "Mul", "Conv", "Gemm"} & set(kinds)
    assert (kinds["QLinearAdd"], kinds["QLinearMul"]) == (3, 3)
    expected, found = (Onnxruntime().open(file)(x) for file in (gated, tmp_path / "eight.onnx"))
    assert np.abs(expected - found).max() < 0.1 * expected.std()


def test_gates_answer_as_float_gates_between_integers_would(gated, tmp_path, monkeypatch):
    x = noise(64, 3, 16, 16)
    OnnxStatic().convert(gated, tmp_path / "summed.onnx", iter([x]))
    monkeypatch.setattr("autocompress.compress.quantizers.onnx_static.summed", lambda graph: None)
    OnnxStatic().convert(gated, tmp_path / "floats.onnx", iter([x]))
    assert executed(tmp_path / "floats.onnx").kinds["HardSigmoid"] == 3
    expected, found = (Onnxruntime().open(tmp_path / f"{name}.onnx")(x) for name in ("floats", "summed"))
    step = np.diff(np.unique(expected)).min()
    assert np.abs(expected - found).max() < 8 * step
    assert np.abs(expected - found).mean() < step


def test_a_gate_between_floats_is_left_alone(tmp_path):
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.hardsigmoid(self.conv(x).mean((2, 3)))

    to_onnx(Last(), (3, 8, 8), tmp_path / "last.onnx")
    x = noise(8, 3, 8, 8)
    OnnxStatic().convert(tmp_path / "last.onnx", tmp_path / "eight.onnx", iter([x]))
    expected, found = (Onnxruntime().open(tmp_path / f"{name}.onnx")(x) for name in ("last", "eight"))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_channels_that_are_all_but_dead_keep_their_bias(tmp_path):
    """Their scale is so small that a bias counted in it does not fit into 32 bits."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        for part, bias in ((net[0], 1.5), (net[2], -0.9)):
            part.weight[0] *= 1e-12
            part.weight[1] = 0
            part.bias[:2] = bias
    to_onnx(net, (3, 12, 12), tmp_path / "dead.onnx")
    x = noise(16, 3, 12, 12)
    OnnxStatic().convert(tmp_path / "dead.onnx", tmp_path / "eight.onnx", iter([x]))
    assert executed(tmp_path / "eight.onnx").floating == 0
    expected, found = (Onnxruntime().open(tmp_path / f"{name}.onnx")(x) for name in ("dead", "eight"))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_what_normalizes_before_it_convolves_runs_as_integers(tmp_path):
    class Early(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.last = nn.Conv2d(1, 8, 3), nn.Conv2d(12, 10, 3)
            self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(12)])
            self.inner = nn.Conv2d(8, 4, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            x = torch.cat([x, self.inner(self.norms[0](x).relu())], 1)
            return self.last(self.norms[1](x).relu()).mean((2, 3))

    torch.manual_seed(0)
    net = Early()
    with torch.no_grad():
        net(torch.from_numpy(images(32)))
    to_onnx(net, (1, 8, 8), tmp_path / "early.onnx")
    OnnxStatic().convert(tmp_path / "early.onnx", tmp_path / "eight.onnx", iter([images(32)]))
    found = executed(tmp_path / "eight.onnx")
    assert (found.integer, found.floating) == (5, 0)
    assert found.kinds["QuantizeLinear"] == found.kinds["DequantizeLinear"] == 1
    expected, answered = (Onnxruntime().open(tmp_path / f"{name}.onnx")(images(32)) for name in ("early", "eight"))
    assert np.abs(expected - answered).max() < 0.1 * expected.std()


def test_of_a_transformer_only_the_matrices_are_integers(tmp_path, capfd):
    model = fresh({"use": "vit", "dim": 48, "depth": 2, "patch": 2})
    torch.manual_seed(0)
    with torch.no_grad():
        for part in model.net.modules():
            if isinstance(part, nn.Linear):
                part.weight.normal_(std=0.1)  # some begin at 0
    to_onnx(model.net, model.inputs, tmp_path / "vit.onnx")
    OnnxStatic().convert(tmp_path / "vit.onnx", tmp_path / "eight.onnx", iter([images(32)]))
    assert capfd.readouterr() == ("", "")
    found = executed(tmp_path / "eight.onnx")
    assert found.floating == 0
    assert not {"QLinearAdd", "QLinearMul"} & set(found.kinds)
    expected, answered = (Onnxruntime().open(tmp_path / f"{name}.onnx")(images(32)) for name in ("vit", "eight"))
    assert np.abs(expected - answered).mean() < 0.1 * np.abs(expected).mean()
