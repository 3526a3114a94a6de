"""Every layer sees all layers before it (Huang et al. 2016, arXiv 1608.06993)."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torchvision.models import DenseNet

from autocompress.compress.students._fit import Stem, fit
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among

LAYERS = {121: (6, 12, 24, 16), 161: (6, 12, 36, 24), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
GROWTH = {121: 32, 161: 48, 169: 32, 201: 32}
STEM = 2  # times the growth


class Net(DenseNet):  # type: ignore[misc]
    """torchvision's, with its last activation as a layer: the map that the classifier takes the mean of can be seen."""

    def __init__(self, growth: int, layers: tuple[int, int, int, int], classes: int) -> None:
        super().__init__(growth, layers, STEM * growth, num_classes=classes)
        self.last = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.last(self.features(x))).flatten(1))
        return logits


class Densenet(Student):
    """DenseNet-BC, 121 to 201 layers deep. Each adds `growth` channels: by default 32, or 48 in the 161."""

    depth: Literal[121, 161, 169, 201] = among(121, 121, 169)
    growth: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None, json_schema_extra={"search": {"int": [4, 32], "step": 4}}
    )
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        growth = self.growth or GROWTH[self.depth]
        return fit(Net(growth, LAYERS[self.depth], classes), inputs, self.stem)

    def parts(self, net: nn.Module) -> Parts:
        return Parts((*(f"features.denseblock{i + 1}" for i in range(3)), "last"), "classifier")
