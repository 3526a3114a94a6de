"""What can be counted without running anything: parameters, multiply-accumulates, bytes of weights."""

import copy
import math
from collections.abc import Mapping

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from autocompress.values.measurement import Measurement

FLOAT = (32.0, 32.0)  # bits of a weight, of an activation


def counted(net: nn.Module, inputs: tuple[int, int, int], weight_bits: float = 32) -> tuple[Measurement, ...]:
    """params, macs and size. MACs are those of one image, in convolutions and matrices, as everybody counts them."""
    filters = sum(p.numel() for p in net.parameters() if p.ndim > 1)
    others = sum(p.numel() for p in net.parameters() if p.ndim <= 1)
    return (
        Measurement(metric="params", value=filters + others, how="counted", on="the network"),
        Measurement(metric="macs", value=macs(net, inputs), how="counted", on="the network, one image"),
        Measurement(
            metric="size",
            value=filters * weight_bits / 8,
            how="counted",
            on=f"the network, weights of {weight_bits:g} bits",
            note="lower bound: weights only",
        ),
    )


def nonzero(net: nn.Module) -> Measurement:
    """params_nonzero: what pruning of single weights leaves, whether or not a file or a runtime gains by it."""
    left = sum(int(torch.count_nonzero(p)) for p in net.parameters())
    return Measurement(metric="params_nonzero", value=left, how="counted", on="the network")


def bops(per_layer: Mapping[str, int], bits: Mapping[str, tuple[float, float]]) -> Measurement:
    """Bit operations: MACs x bits of a weight x bits of an activation, summed over the layers (van Baalen et al. 2020,
    arXiv 2005.07093). `bits` of layers it does not name are 32 and 32.

    What a chip made for it might do; a CPU computes in 8 bits what has fewer, so no latency is ever scaled by this.
    """
    total = sum(many * math.prod(bits.get(layer, FLOAT)) for layer, many in per_layer.items())
    return Measurement(metric="bops", value=total, how="counted", on="the network, one image")


def macs(net: nn.Module, inputs: tuple[int, int, int]) -> int:
    """On shapes alone: nothing is computed."""
    return _by_module(net, inputs)["Global"]


def layer_macs(net: nn.Module, inputs: tuple[int, int, int]) -> dict[str, int]:
    """Of each layer by its name in the network; what a block does outside of its layers stands under the block's."""
    total = _by_module(net, inputs)
    own = {name: many for name, many in total.items() if name != "Global"}
    for name in own:
        above = name.rpartition(".")[0]
        while above and above not in own:  # a list of modules is never called itself
            above = above.rpartition(".")[0]
        if above:
            own[above] -= total[name]
    return {name.partition(".")[2]: many for name, many in own.items() if many}


def _by_module(net: nn.Module, inputs: tuple[int, int, int]) -> dict[str, int]:
    """MACs in each module and all below it, under its class and path; of all, under `Global`."""
    ghost = copy.deepcopy(net).to("meta").eval()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it hides attention's matrices from the counter
    try:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            ghost(torch.empty(1, *inputs, device="meta"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return {"Global": 0} | {name: sum(each.values()) // 2 for name, each in counter.get_flop_counts().items()}
