"""A model that somebody kept: the export of another study, to teach, or to be compressed further."""

from pathlib import Path

from torch import nn

from autocompress.compress.students.base import Parts, Student


class Saved(Student):
    """The model in the folder `model`, as `autocompress export` writes it, with its weights."""

    model: str

    @property
    def folder(self) -> Path:
        return Path(self.model).expanduser()

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        raise AssertionError("it is loaded, not built")

    def parts(self, net: nn.Module) -> Parts:
        raise AssertionError("once loaded, it is of the family that it was built by")
