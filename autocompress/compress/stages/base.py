"""What may be done to a model: one step of a recipe."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import ClassVar

from autocompress.compress.lab import Epoch, Lab
from autocompress.compress.model import Model
from autocompress.plugin import Plugin

Run = Generator[Epoch, None, Model]


class Stage(Plugin, ABC):
    """`shape` says what `run` will do to sizes, without training; `run` does it, yields each epoch, returns the model.

    Both work on a copy and leave the model they were given alone.
    """

    last: ClassVar[bool] = False  # nothing may come after it (it decides what happens to the exported file)

    def shape(self, model: Model, lab: Lab) -> Model:
        """The model as `run` would leave it, with any weights: bits and attributes to the letter, widths if `exact`."""
        return model

    @property
    def exact(self) -> bool:
        """Whether `shape` knows every width. If not, what it says costs about as many MACs as what `run` leaves."""
        return True

    @abstractmethod
    def run(self, model: Model, lab: Lab) -> Run: ...

    def cost(self, lab: Lab) -> int:
        """Epochs that `run` will train: the unit in which rungs are placed."""
        return 0

    def teachers(self) -> tuple[str, ...]:
        """Names of those it learns from."""
        return ()
