"""A residual network of four stages, each as thin as one likes, for wearables."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from autocompress.compress.students._fit import Stem, fit
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among

Width = Annotated[int, Field(ge=1, le=512)]


class ResnetThin(Student):
    """ResNet-18, 34 or 50 with five widths of its own: of the stem and of the four stages.

    The blocks of 50 end in four times as many channels. With 4 everywhere, 18 has 2,598 parameters and 50 has 6,246.
    """

    depth: Literal[18, 34, 50] = among(18, 18, 34)
    widths: tuple[Width, Width, Width, Width, Width] = Field(
        (4, 4, 4, 4, 4), json_schema_extra={"search": [{"int": [4, 32], "step": 4}] * 5}
    )
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        from autocompress.compress.students import _four_stages  # torchvision: 1 s of imports

        return fit(_four_stages.Net(self.depth, self.widths, classes), inputs, self.stem)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(tuple(f"layer{i + 1}" for i in range(4)), "fc")
