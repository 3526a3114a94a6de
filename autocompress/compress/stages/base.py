"""What may be done to a model: one step of a recipe."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from autocompress.compress.lab import Epoch, Lab, Pays
from autocompress.compress.model import Model
from autocompress.plugin import Plugin
from autocompress.values.craft import Technique

Run = Generator[Epoch, None, Model]


class Stage(Plugin, ABC):
    """`shape` says what `run` will do to sizes, without training; `run` does it, yields each epoch, returns the model.

    Both work on a copy and leave the model they were given alone.
    """

    technique: ClassVar[Technique | None] = None  # which one it is; whoever learns from a teacher also distills
    rebuilds: ClassVar[bool] = False  # changes what the network is made of, not only its numbers

    @classmethod
    def bars(cls, settings: Mapping[str, Any], later: "type[Stage]") -> str:
        """Why a stage of this class must not come `later`, if so. `settings` are as written, and may have holes."""
        return ""

    def shape(self, model: Model, lab: Lab) -> Model:
        """The model as `run` would leave it, with any weights: bits and attributes to the letter, widths if `exact`."""
        return model

    @property
    def exact(self) -> bool:
        """Whether `shape` knows every width. If not, what it says costs about as many MACs as what `run` leaves."""
        return True

    @abstractmethod
    def run(self, model: Model, lab: Lab) -> Run: ...

    @property
    def trains(self) -> bool:
        """Whether a network has learned something after it, even if it knew nothing before."""
        return False

    @property
    def wants_trained(self) -> bool:
        """Whether it keeps a network that has learned nothing from ever learning."""
        return False

    def cost(self, lab: Pays) -> int:
        """Epochs that `run` will train: the unit in which rungs are placed."""
        return 0

    def teachers(self) -> tuple[str, ...]:
        """Names of those it learns from."""
        return ()
