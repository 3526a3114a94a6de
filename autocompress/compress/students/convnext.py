"""Convolutions of 7 x 7 built like a transformer (Liu et al. 2022, arXiv 2201.03545; the small sizes: 2301.00808)."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn
from torchvision.models import ConvNeXt
from torchvision.models.convnext import CNBlockConfig

from autocompress.compress.students._fit import Stem, is_small, strides
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among

PATCH = 4  # the stem's kernel and stride

Size = Annotated[int, Field(ge=1, le=2048)]
Four = tuple[Size, Size, Size, Size]

SIZES = {  # width of the first stage, which doubles in each; blocks
    "atto": (40, (2, 2, 6, 2)),
    "femto": (48, (2, 2, 6, 2)),
    "pico": (64, (2, 2, 6, 2)),
    "nano": (80, (2, 2, 8, 2)),
    "tiny": (96, (3, 3, 9, 3)),
    "small": (96, (3, 3, 27, 3)),
    "base": (128, (3, 3, 27, 3)),
}


class Convnext(Student):
    """ConvNeXt, from atto to base, or with `widths` and `depths` of your own, one for each of its four stages."""

    size: Literal["atto", "femto", "pico", "nano", "tiny", "small", "base"] = among("tiny", "atto", "femto", "pico")
    widths: Four | None = None
    depths: Four | None = None
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.1  # of the last block; rising from 0
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        first, depths = SIZES[self.size]
        widths = self.widths or tuple(first * 2**stage for stage in range(4))
        after = (*widths[1:], None)
        plan = [CNBlockConfig(*stage) for stage in zip(widths, after, self.depths or depths, strict=True)]
        net = ConvNeXt(plan, self.drop_path, num_classes=classes)
        return _fit(net, widths, inputs, is_small(self.stem, inputs))

    def parts(self, net: nn.Module) -> Parts:
        return Parts(("features.1", "features.3", "features.5", "features.7"), "classifier.2")


def _fit(net: nn.Module, widths: tuple[int, ...], inputs: tuple[int, int, int], small: bool) -> nn.Module:
    """Its kernels are its strides, so both change: patches of 4 x 4 become windows of 3 x 3, or what there is."""
    channels, *sides = inputs
    side = min(sides)
    patch = min(PATCH, side)
    if small:
        net.set_submodule("features.0.0", _drawn(nn.Conv2d(channels, widths[0], 3, 1, 1)))
    elif (channels, patch) != (3, PATCH):
        net.set_submodule("features.0.0", _drawn(nn.Conv2d(channels, widths[0], patch, patch)))
    for stage, stride in enumerate(strides((2, 2, 2), side if small else side // patch)):
        if stride == 1:
            conv = nn.Conv2d(widths[stage], widths[stage + 1], 1)
            net.set_submodule(f"features.{2 * stage + 2}.1", _drawn(conv))
    return net


def _drawn(conv: nn.Conv2d) -> nn.Conv2d:
    nn.init.trunc_normal_(conv.weight, std=0.02)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv
