"""Keep the teacher's classifier, and learn the map that it expects (Chen et al. 2022, arXiv 2203.14001)."""

from typing import Annotated, ClassVar

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._maps import deepest, same_size
from autocompress.compress.distillers.base import Distiller, Needs, Step
from autocompress.compress.graft import graft
from autocompress.compress.model import Model
from autocompress.plugin import among


class Simkd(Distiller):
    """Mean (projector(student's last map) - teacher's last map)^2 and nothing else, no labels either.

    Projector and teacher's classifier are shipped and counted: with ResNet-50 on ResNet-18, more than twice the
    parameters at `factor` 2, a quarter more at 8.
    """

    needs: ClassVar[Needs] = Needs(teacher=False, features=True)
    cost: ClassVar[float] = 2.4  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200: the teacher runs
    factor: Annotated[int, Field(ge=1)] = among(2, 2, 4, 8)
    depthwise: bool = among(False, False, True)

    def task_weight(self, progress: float) -> float:
        return 0.0

    def start(self, model: Model, teacher: Model | None, seed: int = 0) -> Model:
        assert teacher is not None
        return graft(model, teacher, seed, factor=self.factor, depthwise=self.depthwise)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        (student,), (teacher,) = deepest(step.student_features, 1), deepest(step.teacher_features, 1)
        student, teacher = same_size(student, teacher)
        return {"map": F.mse_loss(student, teacher)}
