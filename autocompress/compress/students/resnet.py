"""Residual networks (He et al. 2015, arXiv 1512.03385): three stages for small images, four for photographs."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from autocompress.compress.students._fit import Stem, fit, strides
from autocompress.compress.students._residual import Block
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among

STAGES = 3
PHOTOGRAPHS = (18, 34, 50, 101, 152)  # depths with four stages
WIDTH = {3: 16, 4: 64}  # of the first stage, as published, by number of stages


class Net(nn.Module):
    def __init__(self, inputs: tuple[int, int, int], classes: int, blocks: int, width: int) -> None:
        super().__init__()
        channels, *sides = inputs
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.stages = nn.Sequential()
        before = width
        for stage, stride in enumerate((1, *strides((2,) * (STAGES - 1), min(sides)))):
            after = width * 2**stage
            first = Block(before, after, stride)
            self.stages.append(nn.Sequential(first, *(Block(after, after, 1) for _ in range(blocks - 1))))
            before = after
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.stages(self.stem(x))).flatten(1))
        return logits


class Resnet(Student):
    """A residual network: 6n + 2 layers in three stages for small images, or 18, 34, 50, 101, 152 in four for any.

    `width` is that of the first stage, 16 of three or 64 of four if it is not set; the next have 2, 4, 8 times as much.
    """

    depth: Annotated[int, Field(ge=8, le=152)] = among(8, 8, 14, 20)
    width: Annotated[int, Field(ge=1, le=512)] | None = Field(
        None, json_schema_extra={"search": {"int": [4, 32], "step": 4}}
    )
    stem: Stem = "auto"

    @field_validator("depth")
    @classmethod
    def _whole_blocks(cls, depth: int) -> int:
        if depth % 6 != 2 and depth not in PHOTOGRAPHS:
            raise ValueError(f"must be 6n + 2 (8, 14, 20, 26, 32, ...) or one of 18, 34, 50, 101, 152, got {depth}")
        return depth

    @model_validator(mode="after")
    def _a_stem(self) -> "Resnet":
        if self.stem == "large" and self._stages == STAGES:
            raise ValueError(f"stem: depth {self.depth} has the small stem only; 18, 34, 50, 101, 152 have a large one")
        return self

    @property
    def _stages(self) -> int:
        return 4 if self.depth in PHOTOGRAPHS else STAGES

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        width = self.width or WIDTH[self._stages]
        if self._stages == STAGES:
            return Net(inputs, classes, (self.depth - 2) // 6, width)
        from autocompress.compress.students import _four_stages  # torchvision: 1 s of imports

        widths = (width, width, 2 * width, 4 * width, 8 * width)
        return fit(_four_stages.Net(self.depth, widths, classes), inputs, self.stem)

    def parts(self, net: nn.Module) -> Parts:
        if self._stages == STAGES:
            return Parts(tuple(f"stages.{i}" for i in range(STAGES)), "head")
        return Parts(tuple(f"layer{i + 1}" for i in range(4)), "fc")
