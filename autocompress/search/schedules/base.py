"""How much to spend on a recipe before looking at it again."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

from autocompress.plugin import Plugin

Costs = tuple[float, ...]  # one per objective, to be minimised


class Schedule(Plugin, ABC):
    """`rungs` are shares of the training, between 0 and 1, after which `keep` is asked whether to go on."""

    @abstractmethod
    def rungs(self) -> tuple[float, ...]: ...

    @abstractmethod
    def keep(self, number: int, seen: Mapping[int, Costs]) -> bool:
        """Go on with this trial? `seen` holds everything recorded at this rung so far, this trial included."""

    def promoted(self, stopped: Collection[int], seen: Mapping[int, Costs]) -> int | None:
        """Of those stopped at a rung, the one that by now deserves to go on."""
        return None
