"""Residual networks for small images, 6n + 2 layers deep (He et al. 2016), with projections that pruning can follow."""

from typing import Annotated

from pydantic import Field, field_validator
from torch import Tensor, nn

from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among, ranged

STAGES = 3


class Block(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.relu(y + self.shortcut(x))
        return out


class Net(nn.Module):
    def __init__(self, inputs: tuple[int, int, int], classes: int, blocks: int, width: int) -> None:
        super().__init__()
        channels, *sides = inputs
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.stages = nn.Sequential()
        before, side = width, min(sides)
        for stage in range(STAGES):
            after = width * 2**stage
            stride = 2 if stage and side >= 4 else 1  # a map smaller than 2 x 2 has nothing left to convolve
            side = -(-side // stride)
            first = Block(before, after, stride)
            self.stages.append(nn.Sequential(first, *(Block(after, after, 1) for _ in range(blocks - 1))))
            before = after
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.stages(self.stem(x))).flatten(1))
        return logits


class Resnet(Student):
    """A residual network for small images: `depth` 6n + 2 layers, `width` channels in the first of three stages."""

    depth: Annotated[int, Field(ge=8, le=110)] = among(8, 8, 14, 20)
    width: Annotated[int, Field(ge=1, le=512)] = ranged(16, 4, 32, step=4)

    @field_validator("depth")
    @classmethod
    def _whole_blocks(cls, depth: int) -> int:
        if depth % 6 != 2:
            raise ValueError(f"must be 6n + 2 (8, 14, 20, 26, 32, ...), got {depth}")
        return depth

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        return Net(inputs, classes, (self.depth - 2) // 6, self.width)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(tuple(f"stages.{i}" for i in range(STAGES)), "head")
