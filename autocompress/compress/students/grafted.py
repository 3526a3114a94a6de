"""A network whose end was replaced by a teacher's: what simkd leaves behind (Chen et al. 2022, arXiv 2203.14001)."""

from typing import Annotated, Any

from pydantic import Field
from torch import nn, zeros

from autocompress.compress.graft import Grafted as Net
from autocompress.compress.graft import assembled
from autocompress.compress.students.base import Parts, Scale, Student
from autocompress.plugin import among, make


class Grafted(Student):
    """The student `backbone` up to its last map, a projector to `channels`, and a classifier of that width.

    The projector is 1 x 1, 3 x 3, 1 x 1, in the middle `channels` / `factor` wide.
    """

    backbone: dict[str, Any]
    channels: Annotated[int, Field(ge=1)]
    factor: Annotated[int, Field(ge=1)] = among(2, 2, 4, 8)
    depthwise: bool = among(False, False, True)

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        family = make(Student, self.backbone)
        net = family.build(inputs, classes)
        return assembled(
            net,
            family.parts(net),
            zeros(1, *inputs),
            classes,
            channels=self.channels,
            factor=self.factor,
            depthwise=self.depthwise,
        )

    def parts(self, net: nn.Module) -> Parts:
        assert isinstance(net, Net)
        return net.parts

    @property
    def scale(self) -> Scale | None:
        return make(Student, self.backbone).scale
