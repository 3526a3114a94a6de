"""Learn apart how sure the teacher is of the right class, and what it thinks of the others (Zhao et al. 2022,
arXiv 2203.08679)."""

from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._soft import standardised
from autocompress.compress.distillers.base import Distiller, Step
from autocompress.plugin import among, ranged


class Dkd(Distiller):
    """Decoupled: T^2 x (alpha x KL of right against wrong + beta x KL among the wrong classes), beside the labels.

    In plain distillation a teacher that is sure silences what it knows of the other classes; here it does not.
    """

    cost: ClassVar[float] = 1.1  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200
    temperature: Annotated[float, Field(gt=0, le=100)] = ranged(4.0, 1.0, 10.0, log=True)
    alpha: Annotated[float, Field(ge=0)] = 1.0
    beta: Annotated[float, Field(ge=0)] = ranged(8.0, 0.5, 12.0, log=True)
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1  # share of the training in which it comes up to full weight
    standardise: bool = among(False, False, True)  # as in logit

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        teacher, student = step.teacher, step.student
        if self.standardise:
            teacher, student = standardised(teacher), standardised(student)
        right_t, others_t = _apart(teacher / self.temperature, step.y)
        right_s, others_s = _apart(student / self.temperature, step.y)
        weight = self.temperature**2 * self._risen(step)
        return {
            "right": weight * self.alpha * F.kl_div(right_s, right_t, reduction="batchmean", log_target=True),
            "others": weight * self.beta * F.kl_div(others_s, others_t, reduction="batchmean", log_target=True),
        }

    def _risen(self, step: Step) -> float:
        rise = self.warmup * step.epochs
        return min(1.0, (step.epoch + 1) / rise) if rise else 1.0


def _apart(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of (right, wrong), and of the wrong classes among themselves."""
    places = torch.arange(logits.shape[1] - 1, device=y.device)
    others = logits.gather(1, places + (places >= y[:, None]))  # all columns but the right one's
    whole = logits.logsumexp(1)
    right = logits.gather(1, y[:, None])[:, 0] - whole
    wrong = others.logsumexp(1) - whole
    return torch.stack([right, wrong], 1), F.log_softmax(others, dim=1)
