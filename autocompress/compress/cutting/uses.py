"""How often a network multiplies with each of its weights, for one image: what a cut saves can be reckoned from it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from autocompress.compress.layers import sized


@dataclass(frozen=True)
class Uses:
    """MACs are `each[name]` times the size of that weight, summed, and `others`, which no cut changes."""

    each: Mapping[str, int]
    others: int

    def macs(self, sizes: Mapping[str, int]) -> int:
        return self.others + sum(times * sizes[name] for name, times in self.each.items())


def uses(net: nn.Module, inputs: tuple[int, int, int]) -> Uses:
    """On shapes alone: nothing is computed."""
    ghost = copy.deepcopy(net).to("meta").eval()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it hides attention's matrices from the counter
    try:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            ghost(torch.empty(1, *inputs, device="meta"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    by_module = counter.get_flop_counts()
    each = {}
    others = int(counter.get_total_flops()) // 2
    for name, layer in sized(net).items():
        macs = sum(by_module.get(f"{type(net).__name__}.{name}", {}).values()) // 2
        if macs:
            weight = layer.weight
            assert isinstance(weight, nn.Parameter)
            each[f"{name}.weight"] = macs // weight.numel()
            others -= macs
    return Uses(each, others)
