"""What in an image speaks for a class: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391)."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autocompress.compress.model import Model
from autocompress.errors import Failure

PART = 16  # images at once


class Seen(NamedTuple):
    """Of each image."""

    heat: Tensor  # N, H, W, as large as the image; 1 where it is hottest, unless all is 0
    answers: Tensor  # the class that it is for


def grad_cam(net: nn.Module, layer: str, x: Tensor) -> Seen:
    """For the class that the network answers. `layer` gives a map of features; `net` is left as it was.

    The features are summed, each times the mean over its map of how much the answer grows with it; what is below 0
    speaks for other classes and is left out.
    """
    parts = [_of(net, layer, some) for some in torch.split(x, PART)]
    return Seen(*(torch.cat(each) for each in zip(*parts, strict=True)))


def last_map(model: Model) -> tuple[str, tuple[int, int]]:
    """The deepest stage that still gives a map, by name, and how high and wide that is."""
    shapes: dict[str, torch.Size] = {}
    stages = model.parts.stages
    handles = [model.net.get_submodule(name).register_forward_hook(_noting(shapes, name)) for name in stages]
    try:
        with torch.no_grad():
            model.net(model.example())
    finally:
        for handle in handles:
            handle.remove()
    maps = [name for name in stages if name in shapes and len(shapes[name]) == 4]
    if not maps:
        raise Failure("unsupported", "there is no map of features in this network: its stages are not convolutions")
    wide = [name for name in maps if shapes[name][2:].numel() > 1]
    if not wide:
        raise Failure("unsupported", "the maps of features in this network are 1 x 1: they know of no places")
    return wide[-1], (shapes[wide[-1]][2], shapes[wide[-1]][3])


def _of(net: nn.Module, layer: str, x: Tensor) -> Seen:
    held: list[Tensor] = []

    def hold(module: nn.Module, inputs: Any, features: Tensor) -> Tensor:
        held.append(features.detach().requires_grad_())
        return held[0].clone()  # what comes later may be done in place

    handle = net.get_submodule(layer).register_forward_hook(hold)
    try:
        with torch.enable_grad():
            logits = net(x)
            answers = logits.argmax(1)
            (grads,) = torch.autograd.grad(logits.gather(1, answers[:, None]).sum(), held)
    finally:
        handle.remove()
    return Seen(_heat(held[0].detach(), grads, (x.shape[2], x.shape[3])), answers)


def _heat(features: Tensor, grads: Tensor, size: tuple[int, int]) -> Tensor:
    heat = (features * grads.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu()
    heat = F.interpolate(heat, size, mode="bilinear", align_corners=False)[:, 0]
    return heat / heat.amax((1, 2), keepdim=True).clamp(min=torch.finfo(heat.dtype).tiny)


def _noting(shapes: dict[str, torch.Size], name: str) -> Any:
    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        shapes[name] = output.shape

    return note
