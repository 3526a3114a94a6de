"""Networks whose widths follow a line (Radosavovic et al. 2020, arXiv 2003.13678)."""

import math
from typing import Literal, NamedTuple

import torch
from torch import nn
from torchvision.models import RegNet
from torchvision.models.regnet import BlockParams

from autocompress.compress.students._fit import Stem, fit
from autocompress.compress.students._widths import Step, Times, rounded
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among, ranged

STEM = 32
SQUEEZE = 0.25


class Line(NamedTuple):
    depth: int
    start: int
    slope: float
    step: float
    group: int


LINES = {  # by multiply-accumulates of one photograph; x has no squeeze-and-excitation, y has
    "x_200mf": Line(13, 24, 36.44, 2.49, 8),
    "x_400mf": Line(22, 24, 24.48, 2.54, 16),
    "x_800mf": Line(16, 56, 35.73, 2.28, 16),
    "x_1_6gf": Line(18, 80, 34.01, 2.25, 24),
    "x_3_2gf": Line(25, 88, 26.31, 2.25, 48),
    "y_200mf": Line(13, 24, 36.44, 2.49, 8),
    "y_400mf": Line(16, 48, 27.89, 2.09, 8),
    "y_800mf": Line(14, 56, 38.84, 2.4, 16),
    "y_1_6gf": Line(27, 48, 20.71, 2.65, 24),
    "y_3_2gf": Line(21, 80, 42.63, 2.66, 24),
}


class Regnet(Student):
    """RegNetX and RegNetY from 200 MMACs to 3.2 GMACs; `width` times the published one, in whole groups."""

    size: Literal[
        "x_200mf", "x_400mf", "x_800mf", "x_1_6gf", "x_3_2gf", "y_200mf", "y_400mf", "y_800mf", "y_1_6gf", "y_3_2gf"
    ] = among("y_400mf", "x_200mf", "y_200mf", "x_400mf", "y_400mf")
    width: Times = ranged(1.0, 0.25, 1.0)
    round_to: Step = 8
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        line = LINES[self.size]
        with torch.device("cpu"):  # it computes with tensors
            plan = BlockParams.from_init_params(line.depth, line.start, line.slope, line.step, line.group)
        step = math.lcm(line.group, self.round_to)
        plan.widths = [rounded(width * self.width, step) for width in plan.widths]
        plan.group_widths = [line.group] * len(plan.widths)
        plan.se_ratio = SQUEEZE if self.size.startswith("y") else None
        net = RegNet(plan, classes, rounded(STEM * self.width, self.round_to))
        return fit(net, inputs, self.stem)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(tuple(f"trunk_output.block{i + 1}" for i in range(4)), "fc")
