"""Make a network for photographs take any image: any number of channels, and no map halved until nothing is left.

Photographs of 224 x 224 are halved five times. A small image keeps its first two halvings to itself, as is usual on
CIFAR: a `small` stem means a first convolution of 3 x 3 without a stride, and no halving right after it.
"""

import math
from typing import Literal

import torch
from torch import nn

from autocompress.compress.students._dry_run import at_rest

Stem = Literal["auto", "small", "large"]

SMALL_IMAGE = 64
SKIPPED = 2  # halvings that a small stem leaves out
LEAST = 4  # a smaller map is not halved: there would be nothing left to convolve
PROBE = 32  # side of the image that shows where a network halves: small, so quick, and enough for five halvings


def is_small(stem: Stem, inputs: tuple[int, int, int]) -> bool:
    return stem == "small" or (stem == "auto" and min(inputs[1:]) <= SMALL_IMAGE)


def strides(wanted: tuple[int, ...], side: int) -> tuple[int, ...]:
    """Of the strides that stages want, those that a map of this side can bear; the others are 1."""
    done = []
    for stride in wanted:
        done.append(stride if side >= LEAST else 1)
        side = -(-side // done[-1])
    return tuple(done)


def fit(net: nn.Module, inputs: tuple[int, int, int], stem: Stem) -> nn.Module:
    """Adapt a network that was built for photographs in three colours. For those, nothing is changed."""
    small = is_small(stem, inputs)
    levels = _halvings(net)
    first = next(name for name, module in net.named_modules() if isinstance(module, nn.Conv2d))
    halved = strides(tuple(1 if small and level < SKIPPED else 2 for level in range(len(levels))), min(inputs[1:]))
    for names, stride in zip(levels, halved, strict=True):
        if stride == 1:
            for name in names:
                _keep_size(net, name)
    take(net, first, inputs[0], small)
    return net


def _halvings(net: nn.Module) -> list[list[str]]:
    """The names of the layers with strides, by how often the map was halved before; branches halve side by side."""
    found: dict[int, list[str]] = {}
    handles = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) and module.stride not in (1, (1, 1)):

            def see(module: nn.Module, args: tuple[torch.Tensor, ...], name: str = name) -> None:
                found.setdefault(round(math.log2(PROBE / args[0].shape[-1])), []).append(name)

            handles.append(module.register_forward_pre_hook(see))
    try:
        with at_rest(net):
            net(torch.zeros(1, 3, PROBE, PROBE, device=next(net.parameters()).device))
    finally:
        for handle in handles:
            handle.remove()
    assert sorted(found) == list(range(len(found))), f"strides of 2 only, found levels {sorted(found)}"
    return [found[level] for level in sorted(found)]


def _keep_size(net: nn.Module, name: str) -> None:
    """No halving here: a pool goes, a convolution loses its stride."""
    module = net.get_submodule(name)
    if isinstance(module, nn.Conv2d):
        module.stride = (1, 1)
        module.padding = tuple(kernel // 2 for kernel in module.kernel_size)
    else:
        net.set_submodule(name, nn.Identity())


def take(net: nn.Module, name: str, channels: int, small: bool = False) -> None:
    """Replace the first convolution by one for images of that many channels, of 3 x 3 at most if they are small."""
    old = net.get_submodule(name)
    assert isinstance(old, nn.Conv2d)
    kernel = min(old.kernel_size[0], 3) if small else old.kernel_size[0]
    if (channels, kernel) == (old.in_channels, old.kernel_size[0]):
        return
    padding = kernel // 2 if kernel != old.kernel_size[0] else old.padding
    new = nn.Conv2d(channels, old.out_channels, kernel, old.stride, padding, bias=old.bias is not None)  # type: ignore[arg-type]
    with torch.no_grad():  # as spread out as what it replaces, for its size
        spread = old.weight.std() * (old.kernel_size[0] / kernel)
        new.weight.copy_(torch.randn_like(new.weight) * spread)
        if new.bias is not None:
            new.bias.zero_()
    net.set_submodule(name, new)
