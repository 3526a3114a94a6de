"""Learn which examples look alike to the teacher (Tung and Mori 2019, arXiv 1907.09682)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._maps import deepest, similarity
from autocompress.compress.distillers.base import Distiller, Needs, Step
from autocompress.plugin import ranged


class Sp(Distiller):
    """Similarity preserving: weight x mean squared difference of the two matrices of likeness in a batch, last stage.

    The matrices are B x B: what it asks for depends on the size of a batch.
    """

    needs: ClassVar[Needs] = Needs(teacher=False, features=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 2.4  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200: the teacher runs
    weight: Annotated[float, Field(gt=0)] = ranged(3000.0, 300.0, 30_000.0, log=True)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        (student,), (teacher,) = deepest(step.student_features, 1), deepest(step.teacher_features, 1)
        return {"likeness": self.weight * (similarity(student) - similarity(teacher)).square().mean()}
