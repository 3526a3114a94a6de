"""Learn the teacher's answers, softened (Hinton, Vinyals and Dean 2015, arXiv 1503.02531)."""

from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Step
from autocompress.plugin import ranged


class Logit(Distiller):
    """The teacher's softened answers beside the labels: alpha x T^2 x KL(teacher || student) + (1 - alpha) x CE."""

    temperature: Annotated[float, Field(gt=0, le=100)] = ranged(4.0, 1.0, 10.0, log=True)
    alpha: Annotated[float, Field(ge=0, le=1)] = ranged(0.9, 0.1, 1.0)

    def task_weight(self, progress: float) -> float:
        return 1 - self.alpha

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        t = self.temperature
        student = F.log_softmax(step.student / t, dim=1)
        teacher = F.log_softmax(step.teacher / t, dim=1)
        divergence = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
        return {"kl": self.alpha * t * t * divergence}
