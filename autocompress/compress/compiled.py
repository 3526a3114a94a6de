"""A network's forward and backward pass as compiled code: fewer trips through memory, paid for at the first step."""

import warnings
from collections.abc import Callable
from types import FunctionType, TracebackType

import torch
from torch import Tensor, nn

BACKEND = "inductor"

Forward = Callable[[Tensor], Tensor]


class Compiled:
    """In a `with`, calling `net` runs compiled code on batches of the first one's shape, and its own on all others.

    The network itself stays as it is: its names, its copies and whoever calls it elsewhere know nothing of this. What
    cannot be compiled as a whole, backward pass included, runs as it is, for good.
    """

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._plain: Forward = net.forward
        self._own = {name: value for name, value in vars(net).items() if name == "forward"}  # not of its class
        self._fast: Forward | None = None
        self._fails = False
        self._shape: torch.Size | None = None

    def __enter__(self) -> None:
        vars(self._net)["forward"] = self._forward

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del vars(self._net)["forward"]
        vars(self._net).update(self._own)

    def _forward(self, x: Tensor) -> Tensor:
        self._shape = self._shape or x.shape
        if self._fails or x.shape != self._shape:
            return self._plain(x)
        try:
            self._fast = self._fast or _compiled(self._plain)
            # the backward pass at once: to fail later would be too late, with this batch in the averages of norms
            with torch._functorch.config.patch(force_non_lazy_backward_lowering=True):
                return self._fast(x)
        except Exception as error:
            reason = str(getattr(error, "inner_exception", error)).strip().partition("\n")[0]
            warnings.warn(f"training goes on without compiled code: {reason}", RuntimeWarning, stacklevel=2)
            self._fails, self._fast = True, None
            return self._plain(x)


def _compiled(plain: Forward) -> Forward:
    """Good for this network alone: torch looks up what it compiled by the code of a function, and for another network
    of the same build it would find this one's, with the hooks of this one."""

    def forward(x: Tensor) -> Tensor:
        return plain(x)

    own = FunctionType(forward.__code__.replace(), forward.__globals__, closure=forward.__closure__)
    fast: Forward = torch.compile(own, backend=BACKEND, fullgraph=True, dynamic=False)
    return fast
