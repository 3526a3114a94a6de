"""Grids in a network: what they round to, how their steps learn, where they stand, and what they leave as it was."""

import copy
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hands import BIGGER, SMALL, Hints, digits, finish, fresh, lab, students, teaching
from patients import CUTTABLE, UNCUTTABLE, Patient, Step, conv
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autocompress.compress.distillers.base import Needs
from autocompress.compress.grid.calibrate import Watch
from autocompress.compress.grid.grids import SLOWER, WEAKEST, Grid, GridConv2d, GridLinear, gridded
from autocompress.compress.grid.place import Bits, left, place
from autocompress.compress.grid.trace import traced
from autocompress.compress.model import Model
from autocompress.compress.quantizers.lsq import Lsq
from autocompress.compress.students.base import Parts
from autocompress.compress.taps import Taps
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.measure.counted import macs

PHOTO = (3, 16, 16)


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def activations(bits: int, least: float, most: float, end: float = math.inf) -> Grid:
    grid = Grid.of_activations(bits, end)
    grid.reach(least, most)
    return grid


def fine(net: nn.Module) -> None:
    """Let weights pass as they are."""
    for layer in gridded(net).values():
        layer.grid.rounded = lambda x: x


def worn(net: nn.Module) -> nn.Module:
    """As if it had been trained: batch norms that do something."""
    for place_, module in enumerate(net.modules()):
        if isinstance(module, _BatchNorm):
            chance = torch.Generator().manual_seed(place_)
            for tensor in module.state_dict().values():
                if tensor.is_floating_point():
                    tensor.uniform_(0.5, 1.5, generator=chance)
    return net.eval()


# --- one grid ---


@pytest.mark.parametrize("bits", [4, 6, 8])
@pytest.mark.parametrize("ends", [(-1.0, 3.0), (0.0, 5.0), (-2.0, -1.0), (1.0, 2.0)])
def test_activations_lie_on_whole_steps_between_the_ends_and_0_stays_0(bits, ends):
    grid = activations(bits, *ends)
    x = 3 * numbers(4, 50)
    steps = grid(x) / grid.step
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-4)
    assert len(steps.round().unique()) <= 2**bits
    assert grid(torch.zeros(1, 3)).tolist() == [[0, 0, 0]]
    within = x[(x >= min(ends[0], 0)) & (x <= max(ends[1], 0))]
    assert (
        grid(within[None])[0] - within
    ).detach().abs().max() <= 1.01 * grid.step.item()  # half, and half for the place of 0


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_lie_on_as_many_steps_as_bits_allow_per_channel(bits):
    grid, weight = (
        Grid.of_weights(bits, 6),
        numbers(6, 4, 3, 3) * torch.tensor([1, 5, 0.1, 2, 0.01, 1]).view(-1, 1, 1, 1),
    )
    grid.suit(weight)
    steps = (grid(weight) / grid.step.view(-1, 1, 1, 1)).round()
    assert steps.max() <= 2 ** (bits - 1) - 1
    assert steps.min() >= max(-127, -(2 ** (bits - 1)))
    assert grid.bits == bits
    assert grid(torch.zeros_like(weight)).abs().max() == 0


@pytest.mark.parametrize("bits", range(2, 9))
def test_steps_of_weights_are_better_than_those_of_either_formula(bits):
    """The largest weight's, and that of the paper: twice the mean over the root of the levels."""
    weight, high = numbers(16, 8, 3, 3), 2 ** (bits - 1) - 1
    rows = weight.flatten(1).abs()

    def error(step: torch.Tensor | None) -> float:
        grid = Grid.of_weights(bits, 16)
        grid.suit(weight) if step is None else grid.unit.copy_(step)
        return (grid(weight) - weight).square().mean().item()

    assert error(None) <= 1.001 * min(error(rows.amax(1) / high), error(2 * rows.mean(1) / math.sqrt(high)))


def test_a_channel_of_nothing_has_a_step_still():
    grid, weight = Grid.of_weights(8, 3), numbers(3, 9)
    weight[1], weight[2] = 0, weight[2] * 1e-9
    grid.suit(weight)
    assert grid(weight)[1].abs().max() == 0
    assert grid.unit[1] == grid.unit[2] >= 0.2 * grid.unit[0] / WEAKEST
    grid.suit(torch.zeros(3, 9))
    assert grid(torch.zeros(3, 9)).abs().max() == 0


def test_gradients_are_those_of_the_paper():
    grid = activations(4, -1.0, 2.0)
    x = (2 * numbers(5, 40)).requires_grad_()
    onward = numbers(5, 40, seed=1)
    (grid(x) * onward).sum().backward()
    step, low = grid.step.item(), int(grid.low)
    steps = x.detach().double() / step
    inside = (steps >= low) & (steps <= low + 15)
    assert torch.equal(x.grad, onward * inside)
    moves = torch.where(inside, steps.round() - steps, steps.round().clamp(low, low + 15))
    by_step = (moves * onward).sum() * SLOWER / math.sqrt(40 * 15)
    assert float(grid.times.grad) == pytest.approx(float(by_step / grid.unit), rel=1e-4)  # times is step / unit


def test_a_step_learns_what_fits():
    grid, x = activations(4, 0.0, 40.0), numbers(1, 4000).abs()
    before = float((grid(x) - x).square().mean())
    optimizer = torch.optim.SGD([grid.times], lr=200.0)
    for _ in range(100):
        optimizer.zero_grad()
        (grid(x) - x).square().mean().backward()
        optimizer.step()
    assert float((grid(x) - x).square().mean()) < 0.1 * before


def test_no_grid_goes_beyond_its_end_and_it_finds_back():
    grid = activations(8, 0.0, 9.0, end=6.0)
    with torch.no_grad():
        grid.times.fill_(3.0)
    assert grid(torch.tensor([[100.0]])).item() == pytest.approx(6.0)
    grid(torch.tensor([[5.01]])).sum().backward()
    assert grid.times.grad != 0


def test_in_16_bits_it_rounds_in_32():
    grid, x = activations(8, -1.0, 1.0), numbers(3, 7).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert grid(x).dtype == torch.float32
        assert torch.equal(grid(x), grid(x.float()))


# --- in a network ---


@pytest.mark.parametrize("patient", [name for name in [*CUTTABLE, *UNCUTTABLE] if name != "a shuffle"])
def test_following_a_network_changes_nothing_of_what_it_computes(patient):
    net = worn((CUTTABLE | UNCUTTABLE)[patient]())
    x = numbers(2, 3, 8, 8)
    with torch.no_grad():
        expected = net(x)
        graph, _ = traced(copy.deepcopy(net), x)
        torch.testing.assert_close(graph(x), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("student", students())
def test_every_student_takes_grids_and_without_rounding_is_what_it_was(student):
    model = fresh(student, inputs=PHOTO)
    worn(model.net)
    x = numbers(2, *PHOTO)
    net = place(model.copy(), Bits(weights=4, activations=4))
    fine(net)
    with torch.no_grad():
        expected, found = model.net(x), Watch(net).run(x)
        several = net(x), net(x[:1])
    torch.testing.assert_close(found.clamp(max=1e6), expected.clamp(max=1e6), rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(several[0][:1], several[1])
    assert not [name for name, module in net.named_modules() if isinstance(module, _BatchNorm)]
    # what is looked at from outside can be looked at still
    looks, placed = Needs(features=True, embeddings=True), replace(model, net=copy.deepcopy(net))
    with torch.no_grad(), Taps(model.net, model.parts, looks) as before, Taps(placed.net, placed.parts, looks) as after:
        model.net(x), placed.net(x)
        assert [f.shape for f in before.features] == [f.shape for f in after.features]
        assert before.embedding.shape == after.embedding.shape


def test_grids_stand_where_values_change_and_rectifiers_are_part_of_what_is_before_them():
    net = place(fresh(BIGGER), Bits())
    read = {
        n.target for n in net.graph.nodes if n.op == "call_module" and isinstance(net.get_submodule(n.target), Grid)
    }
    stage = {f"grids.stages_0_0_{name}" for name in ("relu", "conv2", "relu_1")}
    assert {name for name in read if "stages_0" in name} == stage  # none between convolution or sum and rectifier
    assert {"grids.x", "grids.stem_2", "grids.pool", "grids.head"} <= read


def test_a_rectifier_that_ends_at_6_does_so_wherever_it_is_used():
    net = Patient(Step(lambda self, x: self.six(self.conv(self.six(10 * x))), conv=conv(8, 8), six=nn.ReLU6()))
    graph = place(of(net), Bits())
    sixes = [m for m in graph.modules() if isinstance(m, Grid) and m.most == 6.0]
    assert len(sixes) == 2
    assert not any(isinstance(m, nn.ReLU6) for m in graph.modules())


def of(net: nn.Module, inputs: tuple[int, int, int] = (3, 8, 8)) -> Model:
    """A model of a network as it is."""
    model = fresh(SMALL, inputs=inputs)
    net.meta = {"parts": Parts((), "head")}
    return replace(model, net=net.eval())


def test_bits_by_name():
    layers = ["stem", "body.0", "body.1", "head"]
    assert Bits(4).of(layers) == {"stem": 8, "body.0": 4, "body.1": 4, "head": 8}
    assert Bits(4, ends=None).of(layers) == dict.fromkeys(layers, 4)
    said = Bits(4, layers={"body.*": 2, "*.1": 3, "head": 5}).of(layers)
    assert said == {"stem": 8, "body.0": 2, "body.1": 3, "head": 5}


def test_activations_at_the_ends_have_the_bits_of_the_ends():
    net = place(fresh(BIGGER), Bits(4, 4, 8))
    bits = {name: m.bits for name, m in net.named_modules() if isinstance(m, Grid) and name.startswith("grids.")}
    assert {name for name, many in bits.items() if many == 8} == {"grids.x", "grids.pool", "grids.head"}
    assert set(bits.values()) == {4, 8}


def test_bits_of_a_network_count_what_stays_in_32():
    model = Lsq(weights=4).placed(fresh(BIGGER))
    sizes = {name: layer.weight.numel() for name, layer in gridded(model.net).items()}
    eight = sizes["stem.0"] + sizes["head"]
    total = sum(sizes.values())
    assert Lsq().bits_of(model.net) == pytest.approx((8 * eight + 4 * (total - eight)) / total)
    vit = Lsq(weights=4).placed(fresh({"use": "vit", "dim": 48, "depth": 2, "patch": 2}))
    assert {"MultiheadAttention", "LayerNorm"} == set(left(vit.net).values())
    assert Lsq().bits_of(vit.net) > 8
    assert left(model.net) == {}


def test_grids_multiply_nothing():
    model = fresh(BIGGER)
    assert macs(Lsq().placed(model).net, model.inputs) == macs(model.net, model.inputs)


def test_a_batch_norm_without_a_layer_before_it_becomes_one():
    model = fresh({"use": "wideresnet", "depth": 10, "width": 1})
    alone = [m for m in place(model, Bits()).modules() if isinstance(m, GridConv2d) and m.groups > 1]
    assert len(alone) >= 3


def test_what_is_computed_on_whole_numbers_has_biases_on_whole_steps():
    """Integer kernels add biases to sums of products: what is finer than one step of these is lost."""
    model, read = fresh(BIGGER), activations(4, 0.0, 4.0)
    worn(model.net)
    layer = place(model, Bits(4, 4)).get_submodule("stages.0.0.conv1")
    layer.grid.suit(layer.weight)
    x = read(numbers(1, 8, 5, 5))
    step = (layer.grid.step * read.step).view(1, -1, 1, 1)
    whole = layer(x, read) / step
    torch.testing.assert_close(whole, whole.round(), rtol=0, atol=1e-2)
    assert not torch.equal(layer(x), layer(x, read))
    layer(x, read).sum().backward()
    assert layer.bias.grad.abs().min() > 0


class Branches(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_what_cannot_be_followed_is_named():
    net = nn.Sequential(conv(3, 8), nn.Sequential(nn.ReLU(), Branches()), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(
        Failure, match=r"no grids can be put into this network: in 1\.1 \(Branches\): symbolically"
    ) as caught:
        place(of(net), Bits())
    assert caught.value.code == "unsupported"
    with pytest.raises(Failure, match=r"in inside \(Step\): Proxy object cannot be iterated"):
        place(of(UNCUTTABLE["a shuffle"]()), Bits())
    with pytest.raises(Failure, match="there is no convolution and no matrix"):
        place(of(nn.Sequential(nn.AvgPool2d(8), nn.Flatten())), Bits())


def test_it_can_be_trained_by_methods_that_look_inside():
    model, bench = fresh(BIGGER), lab()
    quantized = Lsq(weights=4).prepare(model, bench)
    plan = replace_plan(epochs=1)
    trained = finish(fit(quantized, bench, plan, [Hints()]))
    moved = [
        name for name, p in trained.net.named_parameters() if not torch.equal(p, quantized.net.get_parameter(name))
    ]
    assert {name.rpartition(".")[2] for name in moved} == {"weight", "bias", "times"}


def replace_plan(**changes: object):
    from hands import FAST

    return replace(FAST, **changes)


def test_linear_layers_too():
    layer = place(fresh(BIGGER), Bits()).get_submodule("head")
    assert isinstance(layer, GridLinear)
    layer.grid.suit(layer.weight)
    x = numbers(3, 32)
    torch.testing.assert_close(layer(x), F.linear(x, layer.grid(layer.weight), layer.bias))


def test_calibration_sees_training_images_and_leaves_room_for_them():
    bench = lab(teacher=None)
    model = Lsq(examples=200).prepare(fresh(BIGGER), bench)
    grid = model.net.get_submodule("grids.x")
    x = torch.from_numpy(digits().prepared(digits().train.x))
    assert grid.step.item() * int(grid.low) == pytest.approx(float(x.min()), abs=grid.step.item())
    assert grid.step.item() * (int(grid.low) + 255) == pytest.approx(float(x.max()), abs=grid.step.item())
    assert teaching(model)("it")(x[:2]).shape == (2, 10)
