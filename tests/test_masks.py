"""Single weights: which go, by each pattern's own rule; and that they never come back, whatever is done later."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hands import BIGGER, FAST, SMALL, digits, finish, fresh, lab, same, settings, sizes, state
from onnx import numpy_helper
from pydantic import ValidationError
from torch import Tensor, nn

from autocompress.compress.manifest import load, save
from autocompress.compress.masks import NEXT_TO_NOTHING, rewound, share, thinnable, thinned
from autocompress.compress.model import Model
from autocompress.compress.patterns.base import Pattern
from autocompress.compress.patterns.magnitude import Magnitude
from autocompress.compress.patterns.uniform import Uniform
from autocompress.compress.quantizers.onnx_static import OnnxStatic
from autocompress.compress.shelf import Shelf
from autocompress.compress.stages.base import Stage
from autocompress.compress.stages.sparsify import Sparsify
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.measure.counted import macs
from autocompress.measure.export import to_onnx
from autocompress.plugin import make

CHANCE = torch.Generator()


def kept(name: str, weights: dict[str, Tensor], sparsity: float, **more: int) -> dict[str, Tensor]:
    return make(Pattern, {"use": name, **more}).kept(weights, sparsity, CHANCE)


def row(*values: float) -> Tensor:
    return torch.tensor([values])


def test_uniform_takes_the_smallest_of_each_layer_and_magnitude_of_all():
    weights = {"small": row(0.1, -0.2, 0.3, -0.4), "large": row(-4, 3, -2, 1)}
    stay = kept("uniform", weights, 0.5)
    assert stay["small"].tolist() == [[False, False, True, True]]
    assert stay["large"].tolist() == [[True, True, False, False]]
    stay = kept("magnitude", weights, 0.5)
    assert stay["small"].sum() == 0
    assert stay["large"].sum() == 4


def test_lamp_sees_a_weight_against_all_that_are_no_smaller_in_its_layer():
    weights = {"small": row(0.1, 0.2, 0.2, -0.4), "large": row(-4, 3, 2, 1)}
    squares = {name: sorted(float(w) ** 2 for w in weight.flatten()) for name, weight in weights.items()}
    scores = sorted((s[i] / sum(s[i:]), name) for name, s in squares.items() for i in range(4))
    for out in range(1, 7):  # the largest of each layer have the same score
        stay = kept("lamp", weights, out / 8)
        gone = [name for _, name in scores[:out]]
        assert {name: 4 - int(stay[name].sum()) for name in weights} == {n: gone.count(n) for n in weights}
    stay = kept("lamp", weights, 6 / 8)
    assert stay["small"].tolist() == [[False, False, False, True]]
    assert stay["large"].tolist() == [[True, False, False, False]]


def test_erk_keeps_in_proportion_to_the_sum_of_the_sides_and_small_layers_whole():
    shapes = {"stem": (8, 3, 3, 3), "middle": (64, 64, 3, 3), "late": (128, 64, 3, 3), "matrix": (100, 128)}
    weights = {name: torch.randn(shape) for name, shape in shapes.items()}
    stay = {name: int(found.sum()) for name, found in kept("erk", weights, 0.9).items()}
    assert stay["stem"] == 8 * 3 * 9
    rest = 0.1 * sum(math.prod(shape) for shape in shapes.values()) - stay["stem"]
    sides = {name: sum(shape) for name, shape in shapes.items() if name != "stem"}
    for name, side in sides.items():
        assert stay[name] == pytest.approx(rest * side / sum(sides.values()), abs=1)


def test_two_of_four_along_the_inputs():
    weight = torch.zeros(1, 8, 1, 2)
    weight[0, :, 0, 0] = torch.tensor([4.0, -3, 2, 1, 5, 6, 7, -8])
    weight[0, :, 0, 1] = torch.tensor([1.0, 2, 3, -4, 8, -7, 6, 5])
    stay = kept("n_of_m", {"conv": weight}, 0.5)["conv"]
    assert stay[0, :, 0, 0].tolist() == [True, True, False, False, False, False, True, True]
    assert stay[0, :, 0, 1].tolist() == [False, False, True, True, True, True, False, False]
    for sparsity, left in ((0.0, 4), (0.1, 3), (0.25, 3), (0.5, 2), (0.6, 1), (0.75, 1)):
        stay = kept("n_of_m", {"matrix": torch.randn(6, 12)}, sparsity)["matrix"]
        assert (stay.view(6, 3, 4).sum(2) == left).all()


def test_random_draws_from_the_generator():
    weights = {"matrix": torch.randn(20, 20)}
    one, other = (
        make(Pattern, "random").kept(weights, 0.5, torch.Generator().manual_seed(seed))["matrix"] for seed in (1, 2)
    )
    assert not torch.equal(one, other)


def test_norms_biases_and_the_classifier_are_spared():
    model = fresh(BIGGER)
    names = set(thinnable(model, Uniform()))
    layers = {name for name, m in model.net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert layers - names == {model.parts.head}
    assert set(thinnable(model, Uniform(), head=True)) == layers
    for head in (False, True):
        thin = thinned(model, Uniform(), 0.5, 0, head=head)
        assert set(thin.sparse) == (layers if head else names)
        same_still = [n for n, v in state(thin).items() if torch.equal(v, state(model)[n])]
        assert set(same_still) == set(state(model)) - {f"{name}.weight" for name in thin.sparse}


def test_layers_that_the_pattern_does_not_fit_stay_whole_and_do_not_count():
    model, by = fresh({"use": "cnn", "depth": 3, "width": 12}), make(Pattern, {"use": "n_of_m", "m": 8})
    thin = thinned(model, by, 0.5, 0)
    assert thin.sparse == ("blocks.2.0",)  # 24 inputs; the others have 1 and 12
    assert share(thin, by) == 0.5
    with pytest.raises(Failure, match=r"NOfM fits none of the 3 layers: NOfM\(m=64\)") as caught:
        thinned(model, make(Pattern, {"use": "n_of_m", "m": 64}), 0.5, 0)
    assert caught.value.code == "unsupported"


def test_thinning_out_again_adds_to_what_is_out():
    once = thinned(fresh(BIGGER), Magnitude(), 0.5, 0)
    twice = thinned(once, Uniform(), 0.7, 0, head=True)
    assert share(once, Magnitude()) == pytest.approx(0.5, abs=1e-3)
    assert share(twice, Magnitude()) > 0.7
    assert all((zeros(twice)[name] | ~gone).all() for name, gone in zeros(once).items())
    assert set(twice.sparse) == {*once.sparse, "head"}


@pytest.mark.parametrize("others", [None, 0.9])
def test_layers_may_lose_shares_of_their_own(others):
    """The first pattern that fits a layer counts; the head too, if it is named; the others stay, unless told."""
    model = fresh(BIGGER)
    shares = {"stages.1.0.conv?": 0.5, "stages.1.*": 0.25, "head": 0.75}
    tree = {"use": "sparsify", "by": "uniform", "shares": shares}
    stage = make(Stage, tree if others is None else tree | {"sparsity": others})
    once = finish(stage.run(model, lab()))
    slowly = finish(stage.model_copy(update={"steps": 3}).run(model, lab()))
    own = {"stages.1.0.conv1": 0.5, "stages.1.0.conv2": 0.5, "stages.1.0.shortcut.0": 0.25, "head": 0.75}
    wanted = own if others is None else dict.fromkeys(thinnable(model, Uniform()), others) | own
    for found in (once, slowly, stage.shape(model, lab())):
        assert {name: float(gone.float().mean()) for name, gone in zeros(found).items()} == pytest.approx(
            wanted, abs=0.02
        )
        assert same(zeros(found), zeros(once))


def test_a_share_of_no_layer_is_refused():
    stage = make(Stage, {"use": "sparsify", "by": "uniform", "shares": {"classifer.*": 0.5}})
    with pytest.raises(Failure, match=r"shares: no layer is called 'classifer\.\*'; there are stem\.0, ") as caught:
        stage.shape(fresh(BIGGER), lab())
    assert caught.value.code == "unsupported"
    with pytest.raises(ValueError, match=r"shares\.head: at most 0\.75 with this pattern, got 0\.8"):
        make(Stage, {"use": "sparsify", "by": "n_of_m", "shares": {"head": 0.8}})


def zeros(model: Model) -> dict[str, Tensor]:
    return {name: model.net.get_parameter(f"{name}.weight").detach() == 0 for name in model.sparse}


@pytest.fixture(scope="module")
def thin() -> Model:
    return thinned(fresh(BIGGER), Magnitude(), 0.7, 0)


TRAINED = [
    {"use": "finetune", "epochs": 2, "batch_size": 32},
    {"use": "finetune", "epochs": 2, "batch_size": 32, "optimizer": "adamw", "lr": 0.01, "weight_decay": 0.01},
    {"use": "finetune", "epochs": 2, "batch_size": 32, "ema": 0.9, "smoothing": 0.1},
    {"use": "finetune", "epochs": 1, "scope": "norms"},
    {"use": "distill", "method": "logit", "epochs": 2, "batch_size": 32},
    {"use": "sparsify", "by": "magnitude", "sparsity": 0.5, "recover": 1},
    {"use": "lottery", "by": "magnitude", "sparsity": 0.5, "rounds": 1, "epochs": 1},
]


@pytest.mark.parametrize("stage", TRAINED, ids=lambda s: "-".join(map(str, s.values())))
def test_no_training_brings_a_weight_back_and_the_others_move(thin, stage):
    left = finish(make(Stage, stage).run(thin, lab()))
    assert left.sparse == thin.sparse
    before, after = zeros(thin), zeros(left)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not same(state(thin), state(left))


def test_none_comes_back_in_a_training_that_was_killed(thin, tmp_path):
    plan = replace(FAST, epochs=3, ema=0.9)
    whole = finish(fit(thin, lab(), plan))
    begun = fit(thin, lab(shelf=Shelf(tmp_path)), plan)
    next(begun)
    begun.close()
    left = finish(fit(thin, lab(shelf=Shelf(tmp_path)), plan))
    assert same(state(left), state(whole))
    assert all(torch.equal(zeros(thin)[name], gone) for name, gone in zeros(left).items())


def test_cutting_channels_leaves_the_zeros_of_the_others(thin):
    cut = finish(make(Stage, {"use": "prune", "by": "magnitude", "ratio": 0.5, "recover": 1}).run(thin, lab()))
    assert sizes(cut) != sizes(thin)
    assert cut.sparse == thin.sparse
    again = finish(make(Stage, {"use": "finetune", "epochs": 1}).run(cut, lab()))
    assert sum(int(gone.sum()) for gone in zeros(cut).values()) > 0
    assert all(torch.equal(zeros(cut)[name], gone) for name, gone in zeros(again).items())


def test_saved_and_loaded_it_goes_on_sparse(thin, tmp_path):
    save(thin, tmp_path, mean=[0.0], std=[1.0])
    back = load(tmp_path)
    assert back.sparse == thin.sparse
    left = finish(fit(back, lab(), FAST))
    assert all(torch.equal(zeros(thin)[name], gone) for name, gone in zeros(left).items())


def test_zeros_are_zeros_in_the_file_also_in_eight_bits(thin, tmp_path):
    model, floats, eight = finish(fit(thin, lab(), FAST)), tmp_path / "float.onnx", tmp_path / "eight.onnx"
    to_onnx(model.net, model.inputs, floats)
    data = digits()
    OnnxStatic().convert(floats, eight, iter([data.prepared(data.train.x[:32])]))
    wanted = sum(int(gone.sum()) for gone in zeros(model).values())
    assert count(floats, "float32") == wanted
    assert count(eight, "int8") > wanted  # some small weights become 0 too


def count(file: Path, kind: str) -> int:
    """Zeros among weights."""
    held = [numpy_helper.to_array(i) for i in onnx.load(file).graph.initializer if len(i.dims) > 1]
    assert {array.dtype for array in held} == {np.dtype(kind)}
    return sum(int((array == 0).sum()) for array in held)


def test_a_multiplication_by_zero_is_counted_like_any_other(thin):
    assert macs(thin.net, thin.inputs) == macs(fresh(BIGGER).net, thin.inputs)


def test_rewinding_takes_weights_from_then_and_zeros_from_now(thin):
    start = fresh(BIGGER, seed=5)
    with torch.no_grad():
        start.net.get_parameter("stem.0.weight").zero_()
    before = state(start)
    back = rewound(thin, start)
    assert same(before, state(start))
    assert all(torch.equal(zeros(thin)[name], gone) for name, gone in zeros(back).items())
    for name, value in state(back).items():
        layer = name.removesuffix(".weight")
        if layer == "stem.0":
            assert value.unique().tolist() == pytest.approx([0.0, NEXT_TO_NOTHING], abs=1e-20)
        elif layer in thin.sparse:
            stays = ~zeros(thin)[layer]
            assert torch.equal(value[stays], before[name][stays])
        else:
            assert torch.equal(value, before[name])


def test_steps_take_much_at_first_and_little_at_last():
    stage = Sparsify(by=Uniform(), sparsity=0.8, steps=4, recover=1, batch_size=64)
    found = [share(replace(fresh(), net=epoch.net), Uniform()) for epoch in stage.run(fresh(), lab())]
    assert found == pytest.approx([0.8 * (1 - (1 - step / 4) ** 3) for step in (1, 2, 3, 4)], abs=0.01)
    onwards = thinned(fresh(), Uniform(), 0.5, 0)
    found = [share(replace(fresh(), net=epoch.net), Uniform()) for epoch in stage.run(onwards, lab())]
    assert found == pytest.approx([0.8 - 0.3 * (1 - step / 4) ** 3 for step in (1, 2, 3, 4)], abs=0.01)


@pytest.mark.parametrize("pattern", settings(Pattern))
def test_shape_foretells_which_layers_and_how_many_weights(pattern):
    stage = Sparsify(by=make(Pattern, pattern), sparsity=0.75, steps=2, recover=1)
    foretold, left = stage.shape(fresh(BIGGER), lab()), finish(stage.run(fresh(BIGGER), lab()))
    assert foretold.sparse == left.sparse
    counts = [sum(int(gone.sum()) for gone in zeros(one).values()) for one in (foretold, left)]
    assert abs(counts[0] - counts[1]) <= len(left.sparse)


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_killed_stage_goes_on_where_it_was(tmp_path, killed_after):
    stage = Sparsify(by=Magnitude(), sparsity=0.8, steps=2, recover=2, batch_size=32, method={"use": "logit"})
    whole = finish(stage.run(fresh(SMALL), lab()))
    begun = stage.run(fresh(SMALL), lab(shelf=Shelf(tmp_path)))
    for _ in range(killed_after):
        next(begun)
    begun.close()
    rest, again = [], stage.run(fresh(SMALL), lab(shelf=Shelf(tmp_path)))
    try:
        while True:
            rest.append(next(again).done)
    except StopIteration as end:
        left = end.value
    assert rest == list(range(killed_after + 1, 5))
    assert same(state(left), state(whole))


def test_without_training_norms_fit_the_thin_network():
    model = finish(fit(fresh(BIGGER), lab(), replace(FAST, epochs=4)))
    left = finish(Sparsify(by=Magnitude(), sparsity=0.6).run(model, lab()))
    mean = {name: value for name, value in state(left).items() if name.endswith("running_mean")}
    assert any(not torch.equal(value, state(model)[name]) for name, value in mean.items())
    assert lab().accuracy(left.net) >= lab().accuracy(thinned(model, Magnitude(), 0.6, 0).net)


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        ({"by": "n_of_m", "sparsity": 0.8}, "sparsity: at most 0.75 with this pattern, got 0.8"),
        (
            {"by": "magnitude", "method": "simkd"},
            "method: simkd puts a part of the teacher into the network; distill can do that",
        ),
        ({"by": "magnitude", "sparsity": 1.0}, "less than 1"),
    ],
)
def test_what_cannot_be_is_said(mistake, text):
    with pytest.raises(ValidationError, match=text):
        make(Stage, {"use": "sparsify", **mistake})
