"""A residual network with one block in each of five stages, thin enough for wearables."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.students._fit import Stem, is_small, strides
from autocompress.compress.students._residual import Block
from autocompress.compress.students.base import Parts, Student

STAGES = 5

Width = Annotated[int, Field(ge=1, le=512)]


class Net(nn.Module):
    def __init__(
        self, inputs: tuple[int, int, int], classes: int, widths: tuple[int, int, int, int, int], small: bool
    ) -> None:
        super().__init__()
        channels, *sides = inputs
        wanted = (1, 1, 2, 2, 2, 2) if small else (2, 2, 2, 2, 2, 2)
        first, *others = strides(wanted, min(sides))
        before = widths[0]
        stem = nn.Conv2d(channels, before, 3, first, 1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(before), nn.ReLU())
        self.stages = nn.Sequential()
        for width, stride in zip(widths, others, strict=True):
            self.stages.append(Block(before, width, stride))
            before = width
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.stages(self.stem(x))).flatten(1))
        return logits


class ResnetThin(Student):
    """Five residual blocks, one per stage, with five widths of their own; each stage but the first halves the map."""

    widths: tuple[Width, Width, Width, Width, Width] = Field(
        (4, 4, 4, 4, 4), json_schema_extra={"search": [{"int": [4, 32], "step": 4}] * STAGES}
    )
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        return Net(inputs, classes, self.widths, is_small(self.stem, inputs))

    def parts(self, net: nn.Module) -> Parts:
        return Parts(tuple(f"stages.{i}" for i in range(STAGES)), "head")
