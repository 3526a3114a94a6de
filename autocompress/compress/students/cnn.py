"""A plain stack of convolutions: the smallest thing that works, and the fastest on most devices."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import ranged

WIDEST = 4  # times `width`


class Net(nn.Module):
    def __init__(self, inputs: tuple[int, int, int], classes: int, depth: int, width: int) -> None:
        super().__init__()
        before, *sides = inputs
        self.blocks = nn.Sequential()
        side, after = min(sides), width
        for place in range(depth):
            stride = 2 if place and side >= 4 else 1
            if stride == 2:
                side = -(-side // 2)
                after = min(after * 2, width * WIDEST)
            conv = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            self.blocks.append(nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU()))
            before = after
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.blocks(x)).flatten(1))
        return logits


class Cnn(Student):
    """`depth` convolutions of 3 x 3; each but the first halves the image and doubles the channels, up to 4 `width`."""

    depth: Annotated[int, Field(ge=1, le=50)] = ranged(4, 2, 6)
    width: Annotated[int, Field(ge=1, le=512)] = ranged(16, 4, 32, step=4)

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        return Net(inputs, classes, self.depth, self.width)

    def parts(self, net: nn.Module) -> Parts:
        blocks = net.get_submodule("blocks")
        return Parts(tuple(f"blocks.{name}" for name, _ in blocks.named_children()), "head")
