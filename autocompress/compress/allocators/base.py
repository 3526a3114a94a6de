"""Which layer's weights have how many bits, if not all have as many."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from autocompress.plugin import Plugin


@dataclass(frozen=True)
class Layer:
    """`harm[b]`: how far the network's answers move when the weights of this layer alone have b bits."""

    weights: int
    macs: int
    harm: Mapping[int, float]


class Allocator(Plugin, ABC):
    """Chooses among the numbers of bits that each layer lists."""

    @property
    @abstractmethod
    def average(self) -> float:
        """Bits of a weight, as far as it is known without looking at a network."""

    @abstractmethod
    def allocate(self, layers: Mapping[str, Layer]) -> dict[str, int]:
        """Bits by name of layer. What cannot be kept is a Failure."""
