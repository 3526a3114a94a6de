"""Learn to tell the teacher's view of an example from its views of thousands of others (Tian et al. 2019,
arXiv 1910.10699)."""

import math
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.plugin import among, ranged


class _Views(nn.Module):
    """One network's views of all training examples, as they were when each was last seen: points on a sphere."""

    log_z: Tensor
    bank: Tensor

    def __init__(self, embedding: int, examples: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(embedding, dim)
        self.register_buffer("bank", F.normalize(torch.randn(examples, dim), dim=1))
        self.register_buffer("log_z", torch.tensor(math.nan))  # not known before the first batch

    def forward(self, embedding: Tensor) -> Tensor:
        return F.normalize(self.project(embedding), dim=1)

    @torch.no_grad()
    def remember(self, index: Tensor, views: Tensor, stays: float) -> None:
        self.bank[index] = F.normalize(stays * self.bank[index] + (1 - stays) * views, dim=1)


class _Bridge(nn.Module):
    def __init__(self, shapes: Shapes, dim: int) -> None:
        super().__init__()
        self.student = _Views(shapes.student_embedding, shapes.examples, dim)
        self.teacher = _Views(shapes.teacher_embedding, shapes.examples, dim)


class Crd(Distiller):
    """Contrastive: weight x the surprise at which of `negatives` + 1 views in the other's memory is of the example.

    The negatives are drawn anew for each batch, and shared by it: a product of two matrices instead of half a gigabyte.
    """

    needs: ClassVar[Needs] = Needs(teacher=False, embeddings=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 3.4  # at most: as the others, but measured with negatives of their own for each example
    weight: Annotated[float, Field(gt=0)] = ranged(0.8, 0.1, 3.0, log=True)
    negatives: Annotated[int, Field(ge=1)] = among(16_384, 1024, 4096, 16_384)  # never more than there are examples
    temperature: Annotated[float, Field(gt=0)] = ranged(0.07, 0.05, 0.2)
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.5  # how much of an old view stays when a new one comes
    dim: Annotated[int, Field(ge=2, le=1024)] = 128

    def bridge(self, shapes: Shapes) -> nn.Module:
        return _Bridge(shapes, self.dim)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        assert isinstance(bridge, _Bridge)
        student, teacher = bridge.student(step.student_embedding), bridge.teacher(step.teacher_embedding)
        examples = len(bridge.student.bank)
        others = torch.randint(examples, (min(self.negatives, examples),), device=step.index.device)
        found = {
            "student": self.weight * self._surprise(student, bridge.teacher, step.index, others),
            "teacher": self.weight * self._surprise(teacher, bridge.student, step.index, others),
        }
        bridge.student.remember(step.index, student, self.momentum)
        bridge.teacher.remember(step.index, teacher, self.momentum)
        return found

    def _surprise(self, views: Tensor, memory: _Views, index: Tensor, others: Tensor) -> Tensor:
        """Noise contrastive: P / (P + negatives / examples) says it is the right one, with P its likelihood."""
        same = (views * memory.bank[index]).sum(1) / self.temperature
        different = views @ memory.bank[others].T / self.temperature
        examples = len(memory.bank)
        with torch.no_grad():
            every = torch.cat([same[:, None], different], 1)
            first = every.logsumexp((0, 1)) - math.log(every.numel()) + math.log(examples)
            memory.log_z.copy_(torch.where(memory.log_z.isnan(), first, memory.log_z))
        level = memory.log_z + math.log(len(others) / examples)
        return F.softplus(level - same).mean() + F.softplus(different - level).sum(1).mean()
