"""Plain stacks of 3 x 3 convolutions with batch norm (Simonyan & Zisserman 2014, arXiv 1409.1556)."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torchvision.models.vgg import make_layers

from autocompress.compress.students._fit import fit
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among, ranged

CONVOLUTIONS = {
    8: (1, 1, 1, 1, 1),
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
TIMES = (1, 2, 4, 8, 8)  # `width`
LAYERS = 3  # of a convolution, in torchvision's list: itself, its norm, its rectifier


class Net(nn.Module):
    # torchvision's convolutions, then one matrix instead of three: those would be nine tenths of all weights
    def __init__(self, counts: tuple[int, ...], width: int, classes: int) -> None:
        super().__init__()
        plan: list[str | int] = []
        for count, times in zip(counts, TIMES, strict=True):
            plan += [width * times] * count + ["M"]
        self.features = make_layers(plan, batch_norm=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(width * TIMES[-1], classes)
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.features(x)).flatten(1))
        return logits


class Vgg(Student):
    """VGG with batch norm: 5 to 16 plain convolutions in five stages, the first `width` wide, then a single matrix."""

    depth: Literal[8, 11, 13, 16, 19] = among(8, 8, 11, 13)
    width: Annotated[int, Field(ge=1, le=512)] = ranged(64, 8, 64, step=8)

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        return fit(Net(CONVOLUTIONS[self.depth], self.width, classes), inputs, "large")

    def parts(self, net: nn.Module) -> Parts:
        ends, place = [], 0
        for count in CONVOLUTIONS[self.depth]:
            ends.append(place + LAYERS * count - 1)
            place += LAYERS * count + 1  # the pool
        return Parts(tuple(f"features.{end}" for end in ends), "head")
