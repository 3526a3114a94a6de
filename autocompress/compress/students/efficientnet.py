"""Networks scaled in width and depth together (Tan & Le 2019, arXiv 1905.11946)."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn
from torchvision.models import EfficientNet
from torchvision.models.efficientnet import MBConvConfig

from autocompress.compress.students._fit import Stem, fit
from autocompress.compress.students._widths import Step, Times, rounded
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among, ranged

SIZES = {  # times the width, times the depth, dropout
    "b0": (1.0, 1.0, 0.2),
    "b1": (1.0, 1.1, 0.2),
    "b2": (1.1, 1.2, 0.3),
    "b3": (1.2, 1.4, 0.3),
    "b4": (1.4, 1.8, 0.4),
    "b5": (1.6, 2.2, 0.4),
}
STAGES = (  # of b0: expansion, kernel, stride, channels in, channels out, blocks
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)


class Efficientnet(Student):
    """EfficientNet b0 to b5. `width` and `depth` shrink it or stretch it. Squeeze layers are not rounded."""

    size: Literal["b0", "b1", "b2", "b3", "b4", "b5"] = among("b0", "b0", "b1", "b2")
    width: Times = ranged(1.0, 0.25, 1.0)
    depth: Times = ranged(1.0, 0.25, 1.0)
    round_to: Step = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None  # as published for the size
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.2  # of the last block; rising from 0
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        width, depth, dropout = SIZES[self.size]

        def wide(channels: float, times: float) -> int:
            return rounded(channels * times, self.round_to)

        stages = []
        for expansion, kernel, stride, before, after, blocks in STAGES:
            stage = MBConvConfig(expansion, kernel, stride, before, after, blocks, depth_mult=depth * self.depth)
            # set afterwards: the constructor knows multiples of 8 only
            stage.adjust_channels = wide
            stage.input_channels, stage.out_channels = (wide(x, width * self.width) for x in (before, after))
            stages.append(stage)
        rate = dropout if self.dropout is None else self.dropout
        return fit(EfficientNet(stages, rate, self.drop_path, classes), inputs, self.stem)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(("features.2", "features.3", "features.5", "features.8"), "classifier.1")
