"""Send an image through a network just to watch it: no gradient, no dropout, no weight touched."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call


@contextmanager
def at_rest(net: nn.Module) -> Iterator[None]:
    """In eval mode, without gradients; afterwards each module is in the mode it was in."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def dry_run(net: nn.Module, inputs: tuple[int, int, int]) -> Tensor:
    """Two images, on shapes alone: nothing is computed."""
    named = [*net.named_parameters(), *net.named_buffers()]
    ghosts = {name: torch.empty_like(value, device="meta") for name, value in named}
    with at_rest(net):
        answer: Tensor = functional_call(net, ghosts, (torch.empty(2, *inputs, device="meta"),))
    return answer
