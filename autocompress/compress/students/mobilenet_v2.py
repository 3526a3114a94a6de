"""Inverted residuals with linear bottlenecks (Sandler et al. 2018, arXiv 1801.04381)."""

from typing import Annotated

from pydantic import Field
from torch import nn
from torchvision.models import MobileNetV2

from autocompress.compress.students._fit import Stem, fit
from autocompress.compress.students._widths import Step, Times
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import ranged


class MobilenetV2(Student):
    """MobileNetV2: cheap depthwise convolutions between a narrow and a wide side; `width` times the published one."""

    width: Times = ranged(1.0, 0.25, 1.4)
    round_to: Step = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        net = MobileNetV2(classes, width_mult=self.width, round_nearest=self.round_to, dropout=self.dropout)
        return fit(net, inputs, self.stem)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(("features.3", "features.6", "features.13", "features.18"), "classifier.1")
