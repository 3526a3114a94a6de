"""Few weights through narrow layers of 1 x 1 (Iandola et al. 2016, arXiv 1602.07360), in its version 1.1."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torchvision.models.squeezenet import Fire

from autocompress.compress.students._fit import Stem, fit
from autocompress.compress.students._widths import Step, Times, rounded
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import ranged

STEM = 64
FIRES = (  # stages of (squeeze, expand); a pool before each stage
    ((16, 64), (16, 64)),
    ((32, 128), (32, 128)),
    ((48, 192), (48, 192), (64, 256), (64, 256)),
)


class Net(nn.Module):
    # torchvision's names and weights for a seed, but no rectifier on the logits: it would only stop them learning
    def __init__(self, classes: int, width: float, step: int, dropout: float) -> None:
        super().__init__()
        before = rounded(STEM * width, step)
        self.features = nn.Sequential(nn.Conv2d(3, before, 3, 2), nn.ReLU())
        for stage in FIRES:
            self.features.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            for narrow, wide in stage:
                squeeze, expand = rounded(narrow * width, step), rounded(wide * width, step)
                self.features.append(Fire(before, squeeze, expand, expand))
                before = 2 * expand
        head = nn.Conv2d(before, classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), head, nn.AdaptiveAvgPool2d(1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is head:
                    nn.init.normal_(module.weight, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x)).flatten(1)
        return logits


class Squeezenet(Student):
    """SqueezeNet 1.1: no batch norm, no matrix at the end, 1.2 million weights at `width` 1."""

    width: Times = ranged(1.0, 0.25, 1.0)
    round_to: Step = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        return fit(Net(classes, self.width, self.round_to, self.dropout), inputs, self.stem)

    def parts(self, net: nn.Module) -> Parts:
        ends, place = [], 1
        for stage in FIRES:
            place += 1 + len(stage)
            ends.append(f"features.{place}")
        return Parts(tuple(ends), "classifier.1")
