"""Where 16 bits train as well and faster: said by the machine and the network, never by a clock."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

ENOUGH = 3_000_000  # multiplications per image; below, converting costs more than it saves (studies/LOG.md)


class Precision:
    """`with precision():` around a forward pass. bfloat16 on a GPU; on a CPU that has instructions for it, for networks
    of full convolutions that are large enough; float32 elsewhere."""

    def __init__(self, net: nn.Module, inputs: tuple[int, int, int], device: torch.device) -> None:
        self._device = device.type
        self.short = device.type == "cuda" or (_has_instructions() and _gains(net, inputs, device))

    def __call__(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device, torch.bfloat16, enabled=self.short)


def rule(device: str) -> str:
    """Which of these cases a machine is: work that was done in one is not the same as in another."""
    return f"{device}, {16 if device == 'cuda' or _has_instructions() else 32} bits"


def _has_instructions() -> bool:
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def _gains(net: nn.Module, inputs: tuple[int, int, int], device: torch.device) -> bool:
    """By one dry run of an empty image, which changes nothing."""
    layers = [m for m in net.modules() if isinstance(m, _ConvNd)]
    if any(layer.groups > 1 for layer in layers):
        return False  # depthwise: measured 0.88x
    counts: list[int] = []

    def count(layer: nn.Module, _: tuple[Tensor, ...], out: Tensor) -> None:
        assert isinstance(layer, _ConvNd)
        counts.append(layer.weight.numel() * out[0, 0].numel())

    handles = [layer.register_forward_hook(count) for layer in layers]
    training = net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros(1, *inputs, device=device))
    finally:
        net.train(training)
        for handle in handles:
            handle.remove()
    return sum(counts) >= ENOUGH
