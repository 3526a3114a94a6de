"""Learn embeddings that the teacher's own classifier understands (Yang et al. 2021, ICLR)."""

from typing import Annotated, ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.plugin import ranged


class Srrl(Distiller):
    """weight x (mean (r(embedding) - teacher's)^2 + mean (teacher's head of r(embedding) - teacher's logits)^2).

    r, a matrix and a norm, is learned and thrown away.
    """

    needs: ClassVar[Needs] = Needs(embeddings=True, head=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 2.4  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200: the teacher runs
    weight: Annotated[float, Field(gt=0)] = ranged(1.0, 0.1, 10.0, log=True)

    def bridge(self, shapes: Shapes) -> nn.Module:
        matrix = nn.Linear(shapes.student_embedding, shapes.teacher_embedding, bias=False)
        return nn.Sequential(matrix, nn.BatchNorm1d(shapes.teacher_embedding))

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        assert step.teacher_embedding is not None
        assert step.teacher_head is not None
        embedding = bridge(step.student_embedding)
        return {
            "embedding": self.weight * F.mse_loss(embedding, step.teacher_embedding),
            "answer": self.weight * F.mse_loss(step.teacher_head(embedding), step.teacher),
        }
