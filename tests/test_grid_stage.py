"""Networks that lose their bits as a stage: trained, killed, kept, taken up again, beside all else that is done."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from hands import BIGGER, FAST, counting, digits, finish, fresh, lab, same, state, teaching
from pydantic import ValidationError

from autocompress.compress.cutting.surgery import cut
from autocompress.compress.grid.grids import gridded
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.compress.lab import Lab
from autocompress.compress.layers import sized, width
from autocompress.compress.manifest import load, save
from autocompress.compress.masks import thinned
from autocompress.compress.model import Model
from autocompress.compress.patterns.uniform import Uniform
from autocompress.compress.quantizers.lsq import Lsq
from autocompress.compress.shelf import Shelf
from autocompress.compress.stages.base import Stage
from autocompress.compress.start import started
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.plugin import make
from autocompress.values.dialect import Dialect

MOMENTS = {"mean": (0.3,), "std": (0.4,)}
LSQ = {"use": "lsq", "weights": 4}


def quantize(**settings) -> Stage:
    return make(Stage, {"use": "quantize", "scheme": LSQ, **settings})


@pytest.fixture(scope="module")
def trained() -> Model:
    return finish(fit(fresh(BIGGER), Lab(digits(800)), replace(FAST, epochs=6)))


def test_calibrated_it_is_about_as_good_at_8_bits_and_taught_it_is_at_2(trained):
    bench = Lab(digits(800), teachers=teaching(trained, digits(800)))
    whole = bench.accuracy(trained.net)
    right = {
        (bits, epochs): bench.accuracy(
            finish(
                quantize(scheme={"use": "lsq", "weights": bits}, recover=epochs, method="logit").run(trained, bench)
            ).net
        )
        for bits, epochs in ((8, 0), (2, 0), (2, 3))
    }
    assert right[8, 0] >= whole - 0.01
    assert right[2, 0] < whole - 0.1
    assert right[2, 3] >= whole - 0.05


def test_with_no_epochs_nothing_is_trained(trained):
    stage = quantize()
    assert stage.cost(lab()) == 0
    assert same(state(finish(stage.run(trained, lab()))), state(Lsq(weights=4).prepare(trained, lab())))


def test_killed_and_resumed_is_equal_to_uninterrupted(trained, tmp_path):
    stage = quantize(recover=3, method="logit", ema=0.9)
    straight = finish(stage.run(trained, lab(trained)))
    begun = stage.run(trained, lab(trained, shelf=Shelf(tmp_path)))
    next(begun), next(begun)
    del begun
    resumed, epochs = counting(stage.run(trained, lab(trained, shelf=Shelf(tmp_path))))
    assert epochs == 1
    assert same(state(straight), state(resumed))


def test_zeros_and_widths_outlive_it(trained):
    bench = lab()
    narrow = cut(trained, lab(round_to=1), 0.3, Magnitude())
    sparse = thinned(narrow, Uniform(), 0.6, seed=0)
    widths = {name: width(layer) for name, layer in sized(sparse.net).items()}
    left = finish(quantize(recover=1).run(sparse, bench))
    for name, layer in gridded(left.net).items():
        assert width(layer) == widths[name]
    assert left.sparse == sparse.sparse
    frozen = Lsq().frozen(left.net, Dialect())
    for name in sparse.sparse:
        out = sparse.net.get_parameter(f"{name}.weight") == 0
        assert out.float().mean() > 0.5
        assert not left.net.get_parameter(f"{name}.weight")[out].any()
        assert not frozen.get_submodule(name).weight[out].any()
    thinner = finish(make(Stage, {"use": "sparsify", "by": "uniform", "sparsity": 0.8}).run(left, bench))
    assert (thinner.net.get_parameter(f"{left.sparse[0]}.weight") == 0).float().mean() >= 0.79
    assert thinner.gridded


@pytest.mark.parametrize("ratio", [0.0, 0.4])
def test_comes_back_from_the_disk_to_the_bit(ratio, trained, tmp_path):
    model = cut(trained, lab(round_to=1), ratio, Magnitude()) if ratio else trained
    model = finish(quantize(recover=1).run(model, lab()))
    save(model, tmp_path, **MOMENTS)
    again = load(tmp_path)
    assert same(state(model), state(again))
    assert again.quantizer == model.quantizer
    assert again.parts == model.parts
    x = torch.from_numpy(digits().prepared(digits().val.x))
    with torch.no_grad():
        assert torch.equal(model.net(x), again.net(x))
        assert torch.equal(Lsq().frozen(model.net, Dialect())(x), Lsq().frozen(again.net, Dialect())(x))
    finish(fit(again, lab(), FAST))
    code = (
        "import sys; from pathlib import Path; from autocompress.compress.manifest import load;"
        f"m = load(Path({str(tmp_path)!r})); m.net(m.example());"
        "print([x for x in ('torch_pruning', 'torchvision', 'onnx') if x in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_kept_model_starts_with_its_grids_and_a_teacher_too(trained, tmp_path):
    model = finish(quantize().run(trained, lab()))
    save(model, tmp_path, **MOMENTS)
    for tree in ({"use": "saved", "model": str(tmp_path)}, {"use": "same"}):
        begun = started(tree, (1, 8, 8), 10, 0, lambda: model)
        assert begun.gridded
        assert begun.quantizer == model.quantizer
    note = {"use": "onnx_static"}  # the file's bits are for the recipe to say
    assert started({"use": "same"}, (1, 8, 8), 10, 0, lambda: replace(trained, quantizer=note)).quantizer is None
    taught = lab(model)
    finish(make(Stage, {"use": "distill", "method": "logit", "epochs": 1}).run(fresh(), taught))


REFUSED = {
    "prune": ({"use": "prune", "by": "magnitude"}, "prune before quantizing: the weights of this network are on grids"),
    "quantize": ({"use": "quantize", "scheme": LSQ}, "all other changes before quantizing"),
    "simkd": ({"use": "distill", "method": "simkd"}, "simkd before quantizing"),
}


@pytest.mark.parametrize("stage", REFUSED)
def test_what_would_build_it_anew_is_refused_by_name(stage, trained):
    model = Lsq().placed(trained)
    tree, text = REFUSED[stage]
    for act in (lambda s: s.shape(model, lab()), lambda s: finish(s.run(model, lab()))):
        with pytest.raises(Failure, match=text) as caught:
            act(make(Stage, tree))
        assert caught.value.code == "unsupported"


def test_files_do_not_learn():
    with pytest.raises(ValidationError, match="recover: onnx_static works on the exported file, which cannot learn"):
        quantize(scheme={"use": "onnx_static"}, recover=1)
    with pytest.raises(ValidationError, match="method: simkd puts a part of the teacher into the network"):
        quantize(method="simkd")


def test_the_gate_learns_its_size_without_calibrating(trained, monkeypatch):
    monkeypatch.setattr("autocompress.compress.quantizers.lsq.calibrate", lambda *_: pytest.fail("took its time"))
    model = quantize(recover=5).shape(trained, lab())
    assert 4 < Lsq().bits_of(model.net) < 5
    assert model.quantizer == {"use": "lsq", **Lsq(weights=4).model_dump(mode="json")}
