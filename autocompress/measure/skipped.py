"""What a device makes of zeros among weights: some skip two of every four, most compute them like any other number."""

from collections.abc import Collection

from torch import Tensor, nn

from autocompress.values.device import Device

OF, ZEROS = 4, 2  # neighbours along the inputs, and how many of them must be 0 (Mishra et al. 2021, arXiv 2104.08378)


def skipped(net: nn.Module, sparse: Collection[str], device: Device) -> str:
    """In words, of a network in which the layers `sparse` have lost weights; nothing where none have."""
    if not sparse:
        return ""
    if device.sparsity == "none":
        return f"{device.id} computes zeros like any other number"
    layers = [net.get_submodule(name) for name in sparse]
    fit = sum(_runs(layer, device) and _two_of_four(layer.get_parameter("weight")) for layer in layers)
    return f"{device.id} skips zeros in {fit} of {len(layers)} layers that have some: where {ZEROS} of every {OF} are"


def _runs(layer: nn.Module, device: Device) -> bool:
    return not device.sparse_operators or _kind(layer) in device.sparse_operators


def _kind(layer: nn.Module) -> str:
    if not isinstance(layer, nn.Conv2d):
        return "linear"
    if layer.groups > 1 and layer.groups == layer.in_channels:
        return "depthwise_conv2d"
    return "pointwise" if layer.kernel_size == (1, 1) else "conv2d"


def _two_of_four(weight: Tensor) -> bool:
    if weight.shape[1] % OF:
        return False
    groups = weight.detach().movedim(1, -1).reshape(-1, OF)
    return bool(((groups == 0).sum(dim=1) >= ZEROS).all())
