"""The layers of a network as tables know them, read off its shapes: no file is written, nothing is computed."""

import copy
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from autocompress.measure.estimators._layer import Layer

INTEGERS, FLOAT = 8, 32  # what CPUs compute in: fewer bits are widened to the one, others to the other
Bits = Mapping[str, tuple[float, float]]


def layers_of(net: nn.Module, inputs: tuple[int, int, int], bits: Bits) -> tuple[Layer, ...]:
    """Convolutions and matrices in the order in which they run. `bits` by layer: of its weights and of what they are
    multiplied with; what is not named has 32."""
    ghost = copy.deepcopy(net).to("meta").eval()
    seen = _Seen()
    for name in bits:
        few = INTEGERS if max(bits[name]) <= INTEGERS else FLOAT
        ghost.get_submodule(name).register_forward_pre_hook(seen.entering(few))
        ghost.get_submodule(name).register_forward_hook(seen.entering(FLOAT))
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it hides attention's matrices
    try:
        with seen, torch.no_grad():
            ghost(torch.empty(1, *inputs, device="meta"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return tuple(seen.layers)


class _Seen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Whatever is computed inside."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: list[Layer] = []
        self._bits = FLOAT

    def entering(self, bits: int) -> Callable[..., None]:
        def now(*_: object) -> None:
            self._bits = bits

        return now

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        match func.overloadpacket:
            case torch.ops.aten.convolution:
                self.layers.append(_convolution(args, tuple(out.shape), self._bits))
            case torch.ops.aten.mm | torch.ops.aten.addmm | torch.ops.aten.bmm:
                cin, cout = args[-1].shape[-2:]
                op = "matmul" if func.overloadpacket is torch.ops.aten.bmm else "linear"
                self.layers.append(Layer(op, cin, cout, prod(out.shape[:-1]), 1, bits=self._bits))
        return out


def _convolution(args: Any, out: tuple[int, ...], bits: int) -> Layer:
    filters, stride, groups = tuple(args[1].shape), args[3], args[8]
    cin, (high, wide) = args[0].shape[1], (*out[2:], 1)[:2]
    kernel: tuple[int, int] = (*filters[2:], 1)[:2]
    op = "depthwise" if 1 < groups == cin else "pointwise" if groups == 1 and kernel == (1, 1) else "conv2d"
    return Layer(op, cin, out[1], high, wide, *kernel, stride=max(stride), groups=groups, bits=bits)
