"""Learn how the teacher's channels are distributed: mean and spread over the last map (Lv et al. 2024,
arXiv 2412.08139)."""

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._maps import pairs, regressor, same_size
from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.plugin import ranged

MEANS = 4.0  # of the means, against the spreads
FADES = 0.6  # share of the training after which its weight goes down to 0, along half a cosine
LEAST = 1e-6  # added to a variance: the root of 0 has no slope


class WkdF(Distiller):
    """Wasserstein distance of two Gaussians: weight x (4 x |difference of means|^2 + |difference of spreads|^2)."""

    needs: ClassVar[Needs] = Needs(teacher=False, features=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 2.9  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200: the teacher runs
    weight: Annotated[float, Field(gt=0)] = ranged(0.08, 0.005, 0.5, log=True)

    def bridge(self, shapes: Shapes) -> nn.Module:
        student, teacher = pairs(shapes.student_features, shapes.teacher_features, 1)[0]
        return regressor(student[0], teacher[0])

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        student, teacher = pairs(step.student_features, step.teacher_features, 1)[0]
        student, teacher = same_size(student, teacher)
        (mean_s, spread_s), (mean_t, spread_t) = _moments(bridge(student)), _moments(teacher)
        weight = self.weight * _faded(step.progress)
        return {
            "means": weight * MEANS * (mean_s - mean_t).square().sum(1).mean(),
            "spreads": weight * (spread_s - spread_t).square().sum(1).mean(),
        }


def _moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Of each channel, over the places of its map."""
    variance, mean = torch.var_mean(maps.flatten(2), dim=2, correction=0)
    return mean, (variance + LEAST).sqrt()


def _faded(progress: float) -> float:
    return 1.0 if progress < FADES else 0.5 * (1 + math.cos(math.pi * (progress - FADES) / (1 - FADES)))
