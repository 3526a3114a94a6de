"""Cutting channels: exact widths, whole heads, and no silent nothing."""

import inspect

import pytest
import torch
from hands import BIGGER, FAST, SMALL, finish, fresh, lab, same, sizes, state
from torch import nn

from autocompress.compress.cutting.dissect import dissect
from autocompress.compress.cutting.surgery import cut
from autocompress.compress.cutting.widths import kept
from autocompress.compress.importances.base import Importance
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.compress.importances.taylor import Taylor
from autocompress.compress.model import Model
from autocompress.compress.recalibrate import average, recalibrate
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.measure.counted import macs


def widths(model: Model) -> dict[str, int]:
    return {name: m.out_channels for name, m in model.net.named_modules() if isinstance(m, nn.Conv2d)}


@pytest.mark.parametrize(
    ("width", "ratio", "step", "expected"),
    [
        (64, 0.5, 8, 32),
        (64, 0.7, 8, 16),  # 19.2 is nearer to 16 than to 24
        (16, 0.7, 8, 8),  # torch-pruning leaves this one whole
        (16, 0.9, 8, 8),  # never below one step
        (16, 0.02, 8, 16),
        (24, 0.1, 16, 24),
        (24, 0.5, 16, 16),
        (6, 0.9, 8, 6),  # narrower than a step: stays
        (30, 0.0, 16, 30),
        (10, 0.9, 1, 1),
        (12, 0.5, 4, 8),  # half way between two steps: the wider
    ],
)
def test_how_many_channels_stay(width, ratio, step, expected):
    assert kept(width, ratio, step) == expected


@pytest.mark.parametrize("importance", [None, Magnitude(), Magnitude(p=1), Taylor()], ids=str)
def test_widths_depend_on_ratio_and_steps_alone(importance):
    model = cut(fresh({"use": "resnet", "width": 16, "depth": 14}), lab(round_to=8), 0.5, importance)
    found = widths(model)
    assert found["stem.0"] == found["stages.0.0.conv1"] == found["stages.0.1.conv2"] == 8
    assert found["stages.1.0.shortcut.0"] == found["stages.1.0.conv2"] == found["stages.1.1.conv2"] == 16
    assert found["stages.2.0.conv1"] == 32
    assert model.net.head.in_features == 32
    assert model.net.head.out_features == 10
    assert model.net.stem[0].in_channels == 1


def test_the_channels_of_the_highest_score_stay():
    model = fresh(SMALL)
    with torch.no_grad():
        for layer in model.net.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight[::2] *= 100  # every second filter is large
    smaller = cut(model, lab(round_to=1), 0.5, Magnitude())
    assert torch.equal(smaller.net.blocks[0][0].weight, model.net.blocks[0][0].weight[::2])
    assert torch.equal(smaller.net.blocks[1][0].weight, model.net.blocks[1][0].weight[::2, ::2])
    assert torch.equal(smaller.net.head.weight, model.net.head.weight[:, ::2])


class Norms(Importance):
    """For tests: what the batch norms let through."""

    def score(self, slices, channels, chance):
        vectors = [part for part in slices if part.weights.ndim == 1]
        return sum((part.summed(part.weights.abs(), channels) for part in vectors), torch.zeros(channels))


def test_cutting_dead_channels_changes_no_answer():
    model = fresh({"use": "resnet", "width": 8, "depth": 14})
    with torch.no_grad():
        for norm in model.net.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.bias.copy_(torch.rand_like(norm.bias))
                norm.weight[::2] = 0
                norm.bias[::2] = 0
    smaller = cut(model, lab(round_to=1), 0.5, Norms())
    x = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(smaller.net(x), model.net(x))
    assert macs(smaller.net, model.inputs) < 0.3 * macs(model.net, model.inputs)


def test_ratio_zero_is_the_same_model():
    model = fresh(BIGGER)
    assert same(state(model), state(cut(model, lab(), 0.0, Magnitude())))


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_macs_move_with_the_ratio(ratio):
    model = fresh({"use": "cnn", "depth": 4, "width": 32})
    left = macs(cut(model, lab(round_to=1), ratio, Magnitude()).net, model.inputs) / macs(model.net, model.inputs)
    assert left == pytest.approx((1 - ratio) ** 2, rel=0.25)


def test_a_cut_that_cuts_nothing_is_a_failure():
    model = fresh({"use": "cnn", "depth": 2, "width": 16})
    for act in (lambda: cut(model, lab(round_to=16), 0.1, Magnitude()), lambda: cut(model, lab(round_to=16), 0.1)):
        with pytest.raises(Failure, match=r"ratio 0\.1 cuts nothing") as caught:
            act()
        assert caught.value.code == "no_effect"


def test_a_network_that_is_as_narrow_as_it_gets_stays():
    model = fresh({"use": "cnn", "depth": 1, "width": 8})
    assert sizes(cut(model, lab(round_to=8), 0.9, Magnitude())) == sizes(model)


def test_scores_that_are_not_finite_are_a_failure():
    class Broken(Importance):
        def score(self, slices, channels, chance):
            return torch.full((channels,), float("nan"))

    with pytest.raises(Failure, match="Broken gave scores that are not finite"):
        cut(fresh(), lab(), 0.5, Broken())


def test_pruning_twice_works():
    model = fresh({"use": "resnet", "width": 16})
    twice = cut(cut(model, lab(), 0.5, Magnitude()), lab(), 0.5, Taylor())
    assert widths(twice)["stages.2.0.conv1"] == 16


def test_torch_prunings_shared_defaults_hold_nothing_of_ours():
    import torch_pruning

    model = fresh()
    dissect(model.net, model.inputs, model.parts.head)
    for owner in (torch_pruning.BasePruner.__init__, torch_pruning.DependencyGraph.get_all_groups):
        for parameter in inspect.signature(owner).parameters.values():
            held = parameter.default if isinstance(parameter.default, dict | list) else ()
            assert not any(isinstance(item, nn.Module) for item in held), parameter


def test_averages_are_taken_anew_and_nothing_else():
    model, bench = fresh(BIGGER), lab()
    before = state(model)
    average(model.net, [m for m in model.net.modules() if isinstance(m, nn.BatchNorm2d)], bench)
    changed = {n for n, v in state(model).items() if not torch.equal(v, before[n])}
    assert changed
    assert all("running" in n or "num_batches" in n for n in changed)
    norm = model.net.stem[1]
    x = torch.cat([batch.x for batch in bench.batches(256, epoch=0)])
    torch.testing.assert_close(norm.running_mean, model.net.stem[0](x).mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    assert norm.momentum == 0.1
    assert not any(module.training for module in model.net.modules())


@pytest.mark.parametrize("shift", [5.0, 0.0])
def test_new_averages_are_kept_if_validation_gains(shift):
    model, bench = finish(fit(fresh(BIGGER), lab(), FAST)), lab()
    average(model.net, [m for m in model.net.modules() if isinstance(m, nn.BatchNorm2d)], bench)
    with torch.no_grad():
        model.net.stem[1].running_mean += shift
    before, right = state(model), bench.accuracy(model.net)
    gained = recalibrate(model.net, bench)
    assert gained == bool(shift)
    assert gained == (not same(state(model), before))
    assert bench.accuracy(model.net) >= right


def test_a_network_without_batch_norms_needs_no_averages():
    assert not recalibrate(nn.Linear(2, 2), lab())
