"""No new architecture: the teacher itself is cut, fine-tuned and quantized."""

from typing import ClassVar

from torch import nn

from autocompress.compress.students.base import Parts, Student


class Same(Student):
    """The teacher's own network, to be compressed as it is."""

    of_teacher: ClassVar[bool] = True

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        raise AssertionError("whoever prepares a candidate puts the teacher's student here")

    def parts(self, net: nn.Module) -> Parts:
        raise AssertionError("whoever prepares a candidate puts the teacher's student here")
