"""Learn the teacher's answers with a little of everything mixed in, so that no class is ruled out."""

from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Step
from autocompress.plugin import ranged


class Smoothed(Distiller):
    """As logit, but `smoothing` of the teacher's softened answer is shared by all classes alike.

    A teacher that was itself trained with smoothed labels wants a temperature near 1: at higher ones its answers blur.
    """

    temperature: Annotated[float, Field(gt=0, le=100)] = ranged(4.0, 1.0, 10.0, log=True)
    alpha: Annotated[float, Field(ge=0, le=1)] = ranged(0.9, 0.1, 1.0)
    smoothing: Annotated[float, Field(ge=0, lt=1)] = ranged(0.1, 0.0, 0.3)

    def task_weight(self, progress: float) -> float:
        return 1 - self.alpha

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        t = self.temperature
        wanted = (1 - self.smoothing) * F.softmax(step.teacher / t, dim=1) + self.smoothing / step.teacher.shape[1]
        student = F.log_softmax(step.student / t, dim=1)
        return {"kl": self.alpha * t * t * F.kl_div(student, wanted, reduction="batchmean")}
