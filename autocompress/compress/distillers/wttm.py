"""Learn the teacher's answers, softened on its side alone, the more the less sure it is (Zheng and Yang 2024,
arXiv 2402.11148)."""

from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Step
from autocompress.plugin import ranged


class Wttm(Distiller):
    """weight x U x KL(p^power / U || student), where U sums the teacher's p^power over the classes; beside the labels.

    The student's own temperature stays 1. U is large where the teacher hesitates: there is the most to learn.
    """

    power: Annotated[float, Field(gt=0, le=1)] = ranged(0.2, 0.1, 0.5)  # 1 / temperature of the teacher
    weight: Annotated[float, Field(gt=0)] = ranged(4.0, 1.0, 50.0, log=True)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        powered = self.power * F.log_softmax(step.teacher, dim=1)
        whole = powered.logsumexp(1)
        wanted = powered - whole[:, None]
        divergence = (wanted.exp() * (wanted - F.log_softmax(step.student, dim=1))).sum(1)
        return {"kl": self.weight * (whole.exp() * divergence).mean()}
