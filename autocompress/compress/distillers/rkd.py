"""Learn how the examples of a batch lie to each other: distances and angles (Park et al. 2019, arXiv 1904.05068)."""

from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Needs, Step
from autocompress.plugin import ranged

DISTANCES, ANGLES = 25.0, 50.0  # weights, as published
MOST = 128  # examples whose angles are compared: there are as many as the third power of this
TOGETHER = 1e-6  # distance of two points that has no direction


class Rkd(Distiller):
    """weight x (25 x Huber of the pairs' distances, in units of their mean + 50 x Huber of the triples' angles)."""

    needs: ClassVar[Needs] = Needs(teacher=False, embeddings=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 2.6  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200: the teacher runs
    weight: Annotated[float, Field(gt=0)] = ranged(1.0, 0.1, 10.0, log=True)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        student, teacher = step.student_embedding, step.teacher_embedding
        assert student is not None
        assert teacher is not None
        distances = F.smooth_l1_loss(_distances(student), _distances(teacher))
        angles = F.smooth_l1_loss(_angles(student[:MOST]), _angles(teacher[:MOST]))
        return {"distances": self.weight * DISTANCES * distances, "angles": self.weight * ANGLES * angles}


def _distances(points: Tensor) -> Tensor:
    """Of all pairs, in units of their mean."""
    found = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")  # exact for points close together
    mean = found.sum() / (found > 0).sum().clamp(min=1)
    return found / mean.clamp(min=TOGETHER)


def _angles(points: Tensor) -> Tensor:
    """Cosines at each point between the directions to all pairs of others."""
    lines = points[None, :, :] - points[:, None, :]
    long = lines.norm(dim=2, keepdim=True)
    directions = torch.where(long > TOGETHER, lines / long.clamp(min=TOGETHER), 0.0)
    return directions @ directions.transpose(1, 2)
