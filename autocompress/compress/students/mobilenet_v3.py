"""MobileNetV2's blocks with squeeze-and-excitation, found by search (Howard et al. 2019, arXiv 1905.02244)."""

from functools import partial
from typing import Annotated, Literal, NamedTuple

from pydantic import Field
from torch import nn
from torchvision.models import MobileNetV3
from torchvision.models.mobilenetv3 import InvertedResidualConfig

from autocompress.compress.students._fit import Stem, fit
from autocompress.compress.students._widths import Step, Times, rounded
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among, ranged

STEM = 16


class Row(NamedTuple):
    # a block as the paper's tables 1 and 2 give it
    kernel: int
    wide: int
    out: int
    squeeze: bool
    act: Literal["RE", "HS"]
    stride: int = 1


class Layout(NamedTuple):
    blocks: tuple[Row, ...]
    last: int  # of the matrix before the head
    ends: tuple[int, ...]  # of the stages, in `features`


LAYOUTS = {
    "small": Layout(
        (
            Row(3, 16, 16, True, "RE", 2),
            Row(3, 72, 24, False, "RE", 2),
            Row(3, 88, 24, False, "RE"),
            Row(5, 96, 40, True, "HS", 2),
            *[Row(5, 240, 40, True, "HS")] * 2,
            Row(5, 120, 48, True, "HS"),
            Row(5, 144, 48, True, "HS"),
            Row(5, 288, 96, True, "HS", 2),
            *[Row(5, 576, 96, True, "HS")] * 2,
        ),
        1024,
        (1, 3, 8, 12),
    ),
    "large": Layout(
        (
            Row(3, 16, 16, False, "RE"),
            Row(3, 64, 24, False, "RE", 2),
            Row(3, 72, 24, False, "RE"),
            Row(5, 72, 40, True, "RE", 2),
            *[Row(5, 120, 40, True, "RE")] * 2,
            Row(3, 240, 80, False, "HS", 2),
            Row(3, 200, 80, False, "HS"),
            *[Row(3, 184, 80, False, "HS")] * 2,
            Row(3, 480, 112, True, "HS"),
            Row(3, 672, 112, True, "HS"),
            Row(5, 672, 160, True, "HS", 2),
            *[Row(5, 960, 160, True, "HS")] * 2,
        ),
        1280,
        (3, 6, 12, 16),
    ),
}


class MobilenetV3(Student):
    """MobileNetV3, small or large; `width` times the published one. Squeeze layers keep multiples of 8."""

    size: Literal["small", "large"] = among("small", "small", "large")
    width: Times = ranged(1.0, 0.25, 1.25)
    round_to: Step = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        layout = LAYOUTS[self.size]
        blocks, before = [], self._wide(STEM)
        for row in layout.blocks:
            block = InvertedResidualConfig(0, row.kernel, 0, 0, row.squeeze, row.act, row.stride, 1, 1.0)
            # set afterwards: the constructor knows multiples of 8 only
            block.input_channels, block.expanded_channels, block.out_channels = (
                before,
                self._wide(row.wide),
                self._wide(row.out),
            )
            blocks.append(block)
            before = block.out_channels
        # torchvision's momentum of 0.01 is for hundreds of epochs: after a few, averages would still be of the start
        norm = partial(nn.BatchNorm2d, eps=0.001)
        net = MobileNetV3(blocks, self._wide(layout.last), classes, norm_layer=norm, dropout=self.dropout)
        return fit(net, inputs, self.stem)

    def _wide(self, width: int) -> int:
        return rounded(width * self.width, self.round_to)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(tuple(f"features.{end}" for end in LAYOUTS[self.size].ends), "classifier.3")
