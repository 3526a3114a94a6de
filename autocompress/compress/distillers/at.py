"""Learn where the teacher looks: the strength of its maps at each place (Zagoruyko and Komodakis 2016,
arXiv 1612.03928)."""

from typing import Annotated, ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._maps import pairs, same_size
from autocompress.compress.distillers.base import Distiller, Needs, Step
from autocompress.plugin import among, ranged


class At(Distiller):
    """Attention transfer: weight x |q(student) - q(teacher)|^2 over stages, q the strength of a map at each place.

    q is the mean of |map|^power over the channels, scaled to length 1. The published loss is a mean over places: its
    weight of 1000 is for 32 x 32, and ruins training on the 8 x 8 of the digits; the square of a distance is for any
    size. It can harm where teacher and student differ in kind.
    """

    needs: ClassVar[Needs] = Needs(teacher=False, features=True)
    works_on: ClassVar[Literal["answers", "features"]] = "features"
    cost: ClassVar[float] = 2.4  # measured with ResNet-50 -> ResNet-18, 224 x 224, on one H200: the teacher runs
    weight: Annotated[float, Field(gt=0)] = ranged(1.0, 0.1, 30.0, log=True)
    power: Annotated[int, Field(ge=1, le=8)] = among(2, 1, 2, 4)
    stages: Annotated[int, Field(ge=1)] = among(3, 1, 2, 3)  # at most so many, the deepest

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        found = {}
        for place, both in enumerate(pairs(step.student_features, step.teacher_features, self.stages)):
            student, teacher = (self._attention(x) for x in same_size(*both))
            found[f"stage{place}"] = self.weight * (student - teacher).square().sum(1).mean()
        return found

    def _attention(self, maps: Tensor) -> Tensor:
        return F.normalize(maps.abs().pow(self.power).mean(1).flatten(1), dim=1)
