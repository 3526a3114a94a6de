"""Learn how the teacher's answers go together, not what they are exactly (Huang et al. 2022, arXiv 2205.10536)."""

from typing import Annotated, ClassVar

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Step
from autocompress.plugin import ranged

LEAST = 1e-10  # square of a spread that counts as none


class Dist(Distiller):
    """T^2 x (beta x (1 - correlation over the classes) + gamma x (1 - correlation over the batch)), beside the labels.

    A teacher much stronger than its student cannot be matched; that it ranks classes and examples alike can be asked.
    """

    cost: ClassVar[float] = 1.1  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200
    temperature: Annotated[float, Field(gt=0, le=100)] = ranged(4.0, 1.0, 4.0)
    beta: Annotated[float, Field(ge=0)] = ranged(2.0, 0.5, 4.0, log=True)  # of each example, over the classes
    gamma: Annotated[float, Field(ge=0)] = ranged(2.0, 0.5, 4.0, log=True)  # of each class, over the batch

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        t = self.temperature
        student, teacher = F.softmax(step.student / t, dim=1), F.softmax(step.teacher / t, dim=1)
        return {
            "examples": self.beta * t * t * (1 - _correlation(student, teacher)),
            "classes": self.gamma * t * t * (1 - _correlation(student.T, teacher.T)),
        }


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    """Pearson's, of each row with its partner; their mean."""
    return (_standard(one) * _standard(other)).sum(1).mean()


def _standard(x: Tensor) -> Tensor:
    x = x - x.mean(1, keepdim=True)
    return x / (x.square().sum(1, keepdim=True) + LEAST).sqrt()
