"""The layers of a network that hold filters or matrices: what they are, how wide, and their numbers as they count."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.conv import _ConvNd

from autocompress.compress.grid.grids import Layer as OnGrid
from autocompress.compress.grid.trace import traced
from autocompress.compress.layers import SIZED, width
from autocompress.compress.model import Model


class Filters(NamedTuple):
    """Of one layer."""

    kind: str
    channels: tuple[int, int] | None  # in, out; None where the layer does not say
    weights: Tensor  # those on a grid rounded to it


def filters(net: nn.Module) -> dict[str, Filters]:
    """By the layer's name."""
    found = {}
    for name, layer in net.named_modules():
        sized = isinstance(layer, SIZED)
        own = {
            key: p.detach()
            for key, p in layer.named_parameters(recurse=False)
            if p.ndim > 1 and (sized or p.squeeze().ndim > 1)  # the others scale or shift, whatever their shape
        }
        if isinstance(layer, OnGrid):
            own["weight"] = layer.grid.rounded(layer.weight).detach()
        if own:
            channels = width(layer)[:2] if sized else None
            weights = next(iter(own.values())) if len(own) == 1 else torch.cat([p.flatten() for p in own.values()])
            found[name] = Filters(_kind(layer), channels, weights)
    return found


def folded(model: Model) -> dict[str, Filters]:
    """The same with batch norms folded into the layers before them, as grids have it. `model` is left as it was."""
    return filters(traced(model.copy().net, model.example())[0])


def order(model: Model) -> list[str]:
    """Names of convolutions and matrices, in the order in which they run; one that runs twice is there twice."""
    ghost = copy.deepcopy(model.net).to("meta").eval()
    names: list[str] = []
    for name, layer in ghost.named_modules():
        if isinstance(layer, _ConvNd | nn.Linear):
            layer.register_forward_pre_hook(lambda *_, name=name: names.append(name))
    with torch.no_grad():
        ghost(torch.empty(1, *model.inputs, device="meta"))
    return names


def _kind(layer: nn.Module) -> str:
    match layer:
        case _ConvNd():
            of = "conv" if layer.groups == 1 else "depthwise" if layer.groups == layer.in_channels else "grouped"
            return f"{of} {'x'.join(map(str, layer.kernel_size))}"
        case nn.Linear():
            return "linear"
        case fx.GraphModule():
            return "network"
    return type(layer).__name__.lower()
