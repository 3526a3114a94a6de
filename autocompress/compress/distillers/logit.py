"""Learn the teacher's answers, softened (Hinton, Vinyals and Dean 2015, arXiv 1503.02531)."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._soft import divergence, standardised
from autocompress.compress.distillers.base import Distiller, Step
from autocompress.plugin import among, ranged


class Logit(Distiller):
    """The teacher's softened answers beside the labels: alpha x T^2 x KL(teacher || student) + (1 - alpha) x CE.

    With `standardise` the size of logits does not matter, only how they compare; it wants a T of 1 to 4.
    """

    temperature: Annotated[float, Field(gt=0, le=100)] = ranged(4.0, 1.0, 10.0, log=True)
    alpha: Annotated[float, Field(ge=0, le=1)] = ranged(0.9, 0.1, 1.0)
    standardise: bool = among(False, False, True)

    def task_weight(self, progress: float) -> float:
        return 1 - self.alpha

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        teacher, student = step.teacher, step.student
        if self.standardise:
            teacher, student = standardised(teacher), standardised(student)
        return {"kl": self.alpha * divergence(teacher, student, self.temperature)}
