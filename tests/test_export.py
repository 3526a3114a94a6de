"""The exported file: small, equal bytes for equal weights, and answering as the network does. And what is counted."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from hands import BIGGER, FAST, SMALL, digits, finish, fresh, lab
from torch import nn

from autocompress.compress.cutting.surgery import cut
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.measure.accuracy import accuracy, answers
from autocompress.measure.counted import counted, macs
from autocompress.measure.export import to_onnx
from autocompress.measure.parity import parity
from autocompress.measure.runtimes.onnxruntime import Onnxruntime


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A cut and trained model, and its file."""
    model = cut(fresh(BIGGER), lab(round_to=1), 0.3, Magnitude())
    model = finish(fit(model, lab(), replace(FAST, epochs=2)))
    file = tmp_path_factory.mktemp("export") / "model.onnx"
    to_onnx(model.net, model.inputs, file)
    return model, file


def test_equal_weights_are_equal_bytes_and_nothing_is_said(exported, tmp_path, capfd):
    model, file = exported
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    to_onnx(model.net.train(), model.inputs, tmp_path / "again.onnx")
    assert model.net.training
    model.net.eval()
    assert (tmp_path / "again.onnx").read_bytes() == file.read_bytes()
    assert all(torch.equal(value, before[name]) for name, value in model.net.state_dict().items())
    assert capfd.readouterr() == ("", "")


def test_nothing_in_it_but_what_it_takes_to_run(exported):
    model, file = exported
    held = onnx.load(file)
    onnx.checker.check_model(held, full_check=True)
    assert "BatchNormalization" not in {node.op_type for node in held.graph.node}
    assert not held.metadata_props
    assert not any(node.name or node.doc_string or node.metadata_props for node in held.graph.node)
    assert [value.name for value in (*held.graph.input, *held.graph.output)] == ["x", "y"]
    size = counted(model.net, model.inputs)[2].value
    assert size < file.stat().st_size < size + 3000


def test_a_mean_over_the_whole_map_is_a_global_pool(exported):
    held = onnx.load(exported[1])
    kinds = [node.op_type for node in held.graph.node]
    assert "GlobalAveragePool" in kinds
    assert "ReduceMean" not in kinds


def test_more_than_fifty_two_names_stay_apart(tmp_path):
    model = fresh({"use": "cnn", "depth": 40, "width": 4})
    to_onnx(model.net, model.inputs, tmp_path / "deep.onnx")
    x = torch.randn(2, 1, 8, 8)
    found = Onnxruntime().open(tmp_path / "deep.onnx")(x.numpy())
    np.testing.assert_allclose(found, model.net(x).detach().numpy(), atol=1e-5)


def test_what_cannot_be_written_is_a_failure(tmp_path, capfd):
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(Failure, match="cannot be written as ONNX") as caught:
        to_onnx(Odd(), (1, 8, 8), tmp_path / "odd.onnx")
    assert caught.value.code == "export"
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_parity_of_a_faithful_file(exported):
    model, file = exported
    data = digits()
    x = data.prepared(data.val.x)
    seen = parity(model.net, answers(Onnxruntime().open(file), [x]), [x], data.val.y)
    assert (seen.agreement, seen.accuracy_change) == (1.0, 0.0)


def test_parity_refuses_a_file_that_answers_otherwise(exported):
    model, _ = exported
    data = digits()
    x, y = data.prepared(data.val.x), data.val.y
    logits = model.net(torch.from_numpy(x)).detach().numpy()
    other = logits.copy()
    other[:10] = -other[:10]
    with pytest.raises(Failure, match=r"agrees with the network on 90\.00%") as caught:
        parity(model.net, other, [x], y)
    assert caught.value.code == "parity"
    parity(model.net, other, [x], y, agreement=0.8, change=0.2)
    one = logits.copy()
    one[0] = -one[0]
    parity(model.net, one, [x], y)  # of a hundred images, one is always allowed
    other[0, 0] = np.nan
    with pytest.raises(Failure, match="not finite"):
        parity(model.net, other, [x], y, agreement=0, change=1)


def test_accuracy_carries_its_spread():
    logits = np.eye(4, dtype=np.float32)
    y = np.array([0, 1, 2, 0])
    found = accuracy(logits, y, "model.onnx, validation split")
    assert (found.metric, found.value, found.how, found.n) == ("accuracy", 0.75, "measured", 4)
    assert found.spread == pytest.approx((0.75 * 0.25 / 4) ** 0.5)
    assert accuracy(logits, np.arange(4), "").spread > 0


def test_macs_are_those_that_torchvision_publishes():
    import torchvision

    with torch.device("meta"):
        net = torchvision.models.resnet18()
    assert macs(net, (3, 224, 224)) / 1e9 == pytest.approx(1.814, abs=5e-4)


def test_counted_by_hand():
    model = fresh({"use": "cnn", "depth": 2, "width": 4})
    params, found, size = counted(model.net, model.inputs, weight_bits=8)
    filters = 4 * 1 * 9 + 8 * 4 * 9 + 10 * 8
    assert params.value == filters + 2 * 4 + 2 * 8 + 10
    assert found.value == 64 * 4 * 9 + 16 * 8 * 4 * 9 + 10 * 8
    assert size.value == filters
    assert {m.how for m in (params, found, size)} == {"counted"}
    assert "lower bound" in size.note


@pytest.mark.parametrize("student", [SMALL, BIGGER], ids=lambda s: s["use"])
def test_counting_leaves_the_network_alone(student):
    model = fresh(student)
    counted(model.net, model.inputs)
    assert {p.device.type for p in model.net.parameters()} == {"cpu"}
