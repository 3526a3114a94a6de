"""Depthwise separable convolutions for microcontrollers (Zhang et al. 2017, arXiv 1711.07128), for any image."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import ranged

ENOUGH = 8  # a map whose shorter side is no longer than this is not halved

Side = Annotated[int, Field(ge=1, le=31)]


def _layer(before: int, after: int, kernel: tuple[int, int], stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """The map keeps its size, or is halved: even kernels get one more line of zeros at the far end."""
    (top, bottom), (left, right) = (((k - 1) // 2, k // 2) for k in kernel)
    pad = (top, left) if (top, left) == (bottom, right) else 0
    before_it = [] if pad else [nn.ZeroPad2d((left, right, top, bottom))]
    conv = nn.Conv2d(before, after, kernel, stride, pad, groups=groups, bias=False)
    return [*before_it, conv, nn.BatchNorm2d(after), nn.ReLU()]


class Net(nn.Module):
    def __init__(
        self, inputs: tuple[int, int, int], classes: int, depth: int, width: int, kernel: tuple[int, int]
    ) -> None:
        super().__init__()
        channels, *sides = inputs
        side = min(sides)
        stride, side = _halved(side)
        self.stem = nn.Sequential(*_layer(channels, width, kernel, stride))
        self.blocks = nn.Sequential()
        for _ in range(depth):
            stride, side = _halved(side)
            self.blocks.append(
                nn.Sequential(*_layer(width, width, (3, 3), stride, width), *_layer(width, width, (1, 1)))
            )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.blocks(self.stem(x))).flatten(1))
        return logits


def _halved(side: int) -> tuple[int, int]:
    """The stride that a map of this side gets, and what is left of it."""
    return (2, -(-side // 2)) if side > ENOUGH else (1, side)


class Dscnn(Student):
    """The keyword spotter of MLPerf Tiny: `depth` depthwise separable blocks of one `width`, halving down to 8 x 8.

    `kernel` is that of the first convolution: 10 x 4 for speech features, time by frequency.
    """

    depth: Annotated[int, Field(ge=1, le=50)] = ranged(4, 2, 6)
    width: Annotated[int, Field(ge=1, le=1024)] = ranged(64, 8, 64, step=8)
    kernel: tuple[Side, Side] = (3, 3)

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        return Net(inputs, classes, self.depth, self.width, self.kernel)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(tuple(f"blocks.{i}" for i in range(self.depth)), "head")
