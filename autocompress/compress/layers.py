"""Layers whose settings follow from the shapes of their tensors: what a cut leaves, and what a saved model is."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

SIZED = (_ConvNd, nn.Linear, _NormBase, nn.LayerNorm, nn.GroupNorm, nn.PReLU)


def sized(net: nn.Module) -> dict[str, nn.Module]:
    """By name, the layers that say of themselves how wide they are."""
    return {name: layer for name, layer in net.named_modules() if isinstance(layer, SIZED)}


def width(layer: nn.Module) -> tuple[int, int, int]:
    """Channels in, channels out, groups."""
    match layer:
        case _ConvNd():
            return layer.in_channels, layer.out_channels, layer.groups
        case nn.Linear():
            return layer.in_features, layer.out_features, 1
        case _NormBase():
            return layer.num_features, layer.num_features, 1
        case nn.LayerNorm():
            return layer.normalized_shape[-1], layer.normalized_shape[-1], 1
        case nn.GroupNorm():
            return layer.num_channels, layer.num_channels, layer.num_groups
        case nn.PReLU():
            return layer.num_parameters, layer.num_parameters, 1
    raise AssertionError(layer)


def reshape(net: nn.Module, shapes: Mapping[str, Sequence[int]]) -> None:
    """Give each tensor the shape under its name. Where that is another one, its values are lost."""
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if name in shapes and tensor.shape != torch.Size(shapes[name]):
            tensor.data = torch.empty(*shapes[name], dtype=tensor.dtype)
    refit(net)


def refit(net: nn.Module) -> None:
    """Let each layer say of itself what its tensors say. A group of channels is lost whole or not at all."""
    for layer in sized(net).values():
        shape = layer.weight.shape if isinstance(layer.weight, torch.Tensor) else torch.Size()
        match layer:
            case _ConvNd():
                one, other = ("in_channels", "out_channels") if layer.transposed else ("out_channels", "in_channels")
                if layer.groups > 1:
                    layer.groups = layer.groups * shape[0] // getattr(layer, one)
                setattr(layer, one, shape[0])
                setattr(layer, other, shape[1] * layer.groups)
            case nn.Linear():
                layer.out_features, layer.in_features = shape
            case _NormBase() if layer.running_mean is not None:
                layer.num_features = len(layer.running_mean)
            case _NormBase() if shape:
                layer.num_features = shape[0]
            case nn.LayerNorm() if shape:
                layer.normalized_shape = tuple(shape)
            case nn.GroupNorm() if shape:
                if layer.num_groups > 1:
                    layer.num_groups = layer.num_groups * shape[0] // layer.num_channels
                layer.num_channels = shape[0]
            case nn.PReLU():
                layer.num_parameters = shape[0]
