"""Learn one stage's map from the teacher, through a layer that gives it the teacher's channels (Romero et al. 2014,
arXiv 1412.6550)."""

from typing import Annotated, ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._maps import pairs, regressor, same_size
from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.plugin import among, ranged


class Fitnet(Distiller):
    """weight x mean (r(student's map) - teacher's map)^2 of one stage, `from_end` 1 for the last; r is learned.

    For the share `alone` of the training there is nothing but this hint, then it is gone; at 0 it goes on throughout.
    The usual weight of 100 drowns the labels where training is short: on the digits it ends below no distillation.
    """

    needs: ClassVar[Needs] = Needs(teacher=False, features=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 2.3  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200: the teacher runs
    weight: Annotated[float, Field(gt=0)] = ranged(10.0, 1.0, 1000.0, log=True)
    from_end: Annotated[int, Field(ge=1)] = among(2, 1, 2, 3)  # the first stage, if there are fewer
    alone: Annotated[float, Field(ge=0, lt=1)] = among(0.0, 0.0, 0.3)

    def task_weight(self, progress: float) -> float:
        return 0.0 if progress < self.alone else 1.0

    def bridge(self, shapes: Shapes) -> nn.Module:
        student, teacher = pairs(shapes.student_features, shapes.teacher_features, self.from_end)[0]
        return regressor(student[0], teacher[0])

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        if self.alone and step.progress >= self.alone:
            return {}
        student, teacher = pairs(step.student_features, step.teacher_features, self.from_end)[0]
        student, teacher = same_size(student, teacher)
        return {"hint": self.weight * F.mse_loss(bridge(student), teacher)}
