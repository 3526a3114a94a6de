"""One network with grids, in every runtime: the file answers as the network did, and all of it runs as integers."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hands import BIGGER, FAST, digits, finish, fresh, lab

from autocompress.compress.cutting.surgery import cut
from autocompress.compress.grid.grids import gridded
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.compress.model import Model
from autocompress.compress.quantizers.lsq import Lsq
from autocompress.compress.train import fit
from autocompress.measure.executed import executed
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import find, make

PLAIN = {
    "resnet, pruned": BIGGER,
    "mbnet": {"use": "mbnet"},
    "vgg": {"use": "vgg", "width": 8},
}
SLOW = {
    "squeezenet": {"use": "squeezenet", "width": 0.25, "dropout": 0.0},
    "wideresnet": {"use": "wideresnet", "depth": 10, "width": 1},
    "mobilenet_v2": {"use": "mobilenet_v2", "width": 0.25},
    "densenet": {"use": "densenet", "growth": 4},
    "shufflenet_v2": {"use": "shufflenet_v2", "width": 0.25},
    "mobilenet_v3": {"use": "mobilenet_v3", "width": 0.25},
    "efficientnet": {"use": "efficientnet", "width": 0.25, "depth": 0.25},
    "vit": {"use": "vit", "dim": 48, "depth": 2, "patch": 2},
}
FLOAT = {"vit"}  # attention stays in 32 bits


def trained(name: str) -> Model:
    model = finish(fit(fresh((PLAIN | SLOW)[name]), lab(), replace(FAST, epochs=3)))
    return finish(fit(cut(model, lab(round_to=1), 0.4, Magnitude()), lab(), FAST)) if "pruned" in name else model


def compared(model: Model, quantizer: Lsq, runtime: Runtime, folder: Path) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Answers of the network, of its file, and the step between two of them."""
    model = quantizer.prepare(model, lab())
    net = quantizer.frozen(model.net, runtime.dialect)
    x = torch.from_numpy(digits().prepared(digits().val.x))
    file = folder / f"model{runtime.suffix}"
    runtime.lower(net, model.inputs, file)
    with torch.no_grad():
        answers = model.net(x)
    *_, last = model.net.get_submodule("grids").children()
    return answers, torch.from_numpy(runtime.open(file)(x.numpy())), last.step.item()


def test_a_channel_that_died_while_it_learned_answers_as_the_network_does(tmp_path):
    """Weight decay takes its weights, learning its step; its bias stays, and in steps of nothing fits no integer."""
    model, quantizer, runtime = trained("vgg"), Lsq(), make(Runtime, {"use": "onnxruntime"})
    model = quantizer.prepare(model, lab())
    first = next(iter(gridded(model.net).values()))
    with torch.no_grad():
        first.weight[0] *= 1e-6
        first.grid.times[0] = -1e-3
        first.bias[0] = 2.0
    x = torch.from_numpy(digits().prepared(digits().val.x))
    file = tmp_path / "model.onnx"
    runtime.lower(quantizer.frozen(model.net, runtime.dialect), model.inputs, file)
    with torch.no_grad():
        answers = model.net(x)
    *_, last = model.net.get_submodule("grids").children()
    assert (torch.from_numpy(runtime.open(file)(x.numpy())) - answers).abs().max() <= 1.01 * last.step.item()


@pytest.mark.parametrize(("weights", "activations"), [(3, 8), (4, 4)])
@pytest.mark.parametrize("name", [*PLAIN, *(pytest.param(slow, marks=pytest.mark.slow) for slow in SLOW)])
def test_in_onnx_runtime(name, weights, activations, tmp_path):
    model, runtime = trained(name), make(Runtime, {"use": "onnxruntime"})
    answers, found, step = compared(model, Lsq(weights=weights, activations=activations), runtime, tmp_path)
    assert (answers.argmax(1) == found.argmax(1)).float().mean() >= 0.99
    assert ((answers - found).abs() < 0.01 * step).float().mean() > 0.9  # halves may fall either way
    ran = executed(tmp_path / "model.onnx")
    if name not in FLOAT:
        layers = gridded(Lsq().placed(model).net)
        assert (ran.integer, ran.floating, ran.types) == (len(layers), 0, ("u8s8",))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "agree"), [("executorch", 0.99), ("openvino", 0.9)])  # which skips a rounding
@pytest.mark.parametrize(("weights", "activations"), [(3, 8), (4, 4)])
@pytest.mark.parametrize("student", ["resnet, pruned", "mbnet", "squeezenet"])
def test_in_other_runtimes(student, name, agree, weights, activations, tmp_path):
    runtime = find(Runtime, name)()
    if runtime.missing:
        pytest.skip(runtime.missing)
    answers, found, _ = compared(trained(student), Lsq(weights=weights, activations=activations), runtime, tmp_path)
    assert (answers.argmax(1) == found.argmax(1)).float().mean() >= agree
