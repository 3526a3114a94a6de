"""Learn from all of the teacher's stages at once, and which of them suits which of one's own (Chen et al. 2020,
arXiv 2012.03236)."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._maps import WIDEST, deepest, same_size, similarity
from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.plugin import among, ranged

LEAST = 16  # numbers that say what a stage is about


class _Look(nn.Module):
    """What a stage is about, for each example: its row of likenesses in the batch, as a point on a sphere."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.dim = max(LEAST, batch // 4)
        self.layers = nn.Sequential(nn.Linear(batch, 2 * self.dim), nn.ReLU(), nn.Linear(2 * self.dim, self.dim))

    def forward(self, maps: Tensor) -> Tensor:
        return F.normalize(self.layers(similarity(maps)), dim=1)


class _Bridge(nn.Module):
    def __init__(self, student: list[int], teacher: list[int], batch: int, width: int) -> None:
        super().__init__()
        self.queries = nn.ModuleList(_Look(batch) for _ in student)
        self.keys = nn.ModuleList(_Look(batch) for _ in teacher)
        self.projections = nn.ModuleList(
            nn.ModuleList(_projection(before, after, width) for after in teacher) for before in student
        )

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """Attention x squared difference of each pair of stages, summed over the teacher's, a mean over the rest."""
        queries = torch.stack([look(maps) for look, maps in zip(self.queries, student, strict=True)], 1)
        keys = torch.stack([look(maps) for look, maps in zip(self.keys, teacher, strict=True)], 1)
        attention = F.softmax(queries @ keys.transpose(1, 2) / queries.shape[2] ** 0.5, dim=2)
        differences = []
        for projections, mine in zip(self.projections, student, strict=True):
            for project, other in zip(projections.children(), teacher, strict=True):
                small, wanted = same_size(mine, other)
                differences.append((project(small) - wanted).square().flatten(1).mean(1))
        return (attention.flatten(1) * torch.stack(differences, 1)).sum(1).mean() / len(student)


class Semckd(Distiller):
    """Semantic calibration: weight x sum of attention x mean (projection of a stage - a stage of the teacher)^2.

    All stages of the student meet the teacher's deepest `stages`, each pair through convolutions at most `width` wide:
    without such limits it took 27 times as long as plain distillation (ResNet-50 -> ResNet-18, 224 x 224, on one H200).
    The published weight of 400 is for much longer training: on the digits it learns nothing in 15 epochs.
    """

    needs: ClassVar[Needs] = Needs(teacher=False, features=True, whole_batches=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 6.0  # measured on the digits, ResNet-14 -> three convolutions, on one CPU core
    weight: Annotated[float, Field(gt=0)] = ranged(30.0, 3.0, 400.0, log=True)
    stages: Annotated[int, Field(ge=1)] = among(2, 1, 2, 3)
    width: Annotated[int, Field(ge=1, le=WIDEST)] = among(64, 32, 64, 128)

    def bridge(self, shapes: Shapes) -> nn.Module:
        student = deepest(shapes.student_features, len(shapes.student_features))
        teacher = deepest(shapes.teacher_features, self.stages)
        return _Bridge([s[0] for s in student], [t[0] for t in teacher], shapes.batch_size, self.width)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        teacher = deepest(step.teacher_features, self.stages)
        return {"stages": self.weight * bridge(step.student_features, teacher)}


def _projection(before: int, after: int, width: int) -> nn.Module:
    middle = min(after, width)
    return nn.Sequential(
        nn.Conv2d(before, middle, 1, bias=False),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, middle, 3, padding=1, bias=False),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, after, 1),
    )
