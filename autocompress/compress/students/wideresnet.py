"""Wide residual networks WRN-d-k for small images (Zagoruyko & Komodakis 2016, arXiv 1605.07146)."""

from typing import Annotated

from pydantic import Field, field_validator
from torch import Tensor, nn

from autocompress.compress.students._fit import strides
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among, ranged

STEM = 16
WIDTHS = (16, 32, 64)  # times `width`


class Block(nn.Module):
    # norm and rectifier before each convolution; where the shape changes, the shortcut starts behind the first
    def __init__(self, before: int, width: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.relu = nn.ReLU()
        self.shortcut = None
        if stride != 1 or before != width:
            self.shortcut = nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(y)
        y = self.conv2(self.dropout(self.relu(self.bn2(self.conv1(y)))))
        out: Tensor = y + shortcut
        return out


class Net(nn.Module):
    def __init__(self, inputs: tuple[int, int, int], classes: int, blocks: int, width: int, dropout: float) -> None:
        super().__init__()
        channels, *sides = inputs
        self.stem = nn.Conv2d(channels, STEM, 3, 1, 1, bias=False)
        self.stages = nn.Sequential()
        before = STEM
        for base, stride in zip(WIDTHS, (1, *strides((2, 2), min(sides))), strict=True):
            after = base * width
            first = Block(before, after, stride, dropout)
            self.stages.append(nn.Sequential(first, *(Block(after, after, 1, dropout) for _ in range(blocks - 1))))
            before = after
        self.last = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.last(self.stages(self.stem(x)))).flatten(1))
        return logits


class Wideresnet(Student):
    """WRN-depth-width: 6n + 4 layers, few but wide, for small images. `width` times the channels of a residual net."""

    depth: Annotated[int, Field(ge=10, le=100)] = among(16, 10, 16, 22, 28, 40)
    width: Annotated[int, Field(ge=1, le=20)] = ranged(2, 1, 4)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @field_validator("depth")
    @classmethod
    def _whole_blocks(cls, depth: int) -> int:
        if depth % 6 != 4:
            raise ValueError(f"must be 6n + 4 (10, 16, 22, 28, 34, 40, ...), got {depth}")
        return depth

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        return Net(inputs, classes, (self.depth - 4) // 6, self.width, self.dropout)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(("stages.0", "stages.1", "last"), "head")
