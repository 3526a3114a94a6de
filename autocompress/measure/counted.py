"""What can be counted without running anything: parameters, multiply-accumulates, bytes of weights."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from autocompress.values.measurement import Measurement


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


def macs(net: nn.Module, inputs: tuple[int, int, int]) -> int:
    """On shapes alone: nothing is computed."""
    ghost = copy.deepcopy(net).to("meta").eval()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it hides attention's matrices from the counter
    try:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            ghost(torch.empty(1, *inputs, device="meta"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return int(counter.get_total_flops()) // 2
