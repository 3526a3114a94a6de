"""Learn maps from which the teacher's can be told, and how well each channel can (Ahn et al. 2019,
arXiv 1904.05835)."""

import math
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._maps import WIDEST, pairs, same_size
from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.plugin import among, ranged

FIRST, LEAST = 5.0, 1e-5  # variance: in the beginning, and ever


class _Guess(nn.Module):
    """A guess at the teacher's map, and how far off it is to be expected in each channel."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        middle = min(after, WIDEST)
        self.mean = nn.Sequential(
            nn.Conv2d(before, middle, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(middle, middle, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(middle, after, 1, bias=False),
        )
        self.spread = nn.Parameter(torch.full((after, 1, 1), math.log(math.expm1(FIRST - LEAST))))

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(maps), F.softplus(self.spread) + LEAST


class Vid(Distiller):
    """Variational: weight x mean ((guess - teacher)^2 / variance + log variance) / 2, summed over stages."""

    needs: ClassVar[Needs] = Needs(teacher=False, features=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 3.5  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200: the teacher runs
    weight: Annotated[float, Field(gt=0)] = ranged(1.0, 0.05, 10.0, log=True)
    stages: Annotated[int, Field(ge=1)] = among(3, 1, 2, 3)  # at most so many, the deepest

    def bridge(self, shapes: Shapes) -> nn.Module:
        both = pairs(shapes.student_features, shapes.teacher_features, self.stages)
        return nn.ModuleList(_Guess(student[0], teacher[0]) for student, teacher in both)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        found = {}
        both = pairs(step.student_features, step.teacher_features, self.stages)
        for place, (guess, maps) in enumerate(zip(bridge.children(), both, strict=True)):
            student, teacher = same_size(*maps)
            mean, variance = guess(student)
            found[f"stage{place}"] = self.weight * 0.5 * ((mean - teacher).square() / variance + variance.log()).mean()
        return found
