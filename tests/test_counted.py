"""Counting: torchvision's published MACs, layer by layer; parameters that are left; bit operations by hand."""

import pytest
import torch
from hands import BIGGER, fresh
from torch import nn
from torchvision.models import get_model, get_model_weights

from autocompress.measure.counted import bops, counted, layer_macs, macs, nonzero

NAMES = (  # plain, depthwise, dense, grouped, gated; attention inside torch and by hand; blocks in lists
    "resnet18", "mobilenet_v2", "densenet121", "resnext50_32x4d", "efficientnet_b0", "vit_b_16", "swin_t", "maxvit_t",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_macs_are_those_that_torchvision_publishes(name):
    weights = get_model_weights(name).DEFAULT
    with torch.device("meta"):
        net = get_model(name)
    side = weights.transforms().crop_size[0]
    layers = layer_macs(net, (3, side, side))
    assert sum(layers.values()) / 1e9 == pytest.approx(weights.meta["_ops"], abs=6e-4)  # published to 3 digits
    assert min(layers.values()) > 0
    params = counted(net, (3, side, side))[0]
    assert params.value == weights.meta["num_params"]


def test_each_layer_has_its_own():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 10)))
    assert layer_macs(net, (3, 8, 8)) == {"0": 64 * 27 * 4, "1.2": 2560}
    assert macs(net, (3, 8, 8)) == 64 * 27 * 4 + 2560
    assert macs(nn.Flatten(), (3, 8, 8)) == 0


def test_a_layer_that_two_blocks_share_is_not_counted_for_both():
    net = nn.ModuleDict({"a": nn.Linear(8, 8, bias=False)})
    net["b"] = nn.Sequential(net["a"], nn.ReLU())
    net.forward = lambda x: net["b"](net["a"](x))  # type: ignore[method-assign]
    assert macs(net, (1, 1, 8)) == 2 * 64


def test_what_is_left():
    model = fresh(BIGGER)
    whole = sum(p.numel() for p in model.net.parameters())
    with torch.no_grad():
        for p in model.net.parameters():
            p.fill_(1.0)
        assert nonzero(model.net).value == whole
        next(model.net.parameters()).zero_()
    m = nonzero(model.net)
    assert m.value == whole - next(model.net.parameters()).numel()
    assert (m.metric, m.how) == ("params_nonzero", "counted")


def test_bit_operations_by_hand():
    m = bops({"stem": 100, "block": 1000, "head": 10}, {"stem": (8, 8), "block": (4, 5)})
    assert m.value == 100 * 64 + 1000 * 20 + 10 * 1024
    assert (m.metric, m.how) == ("bops", "counted")
