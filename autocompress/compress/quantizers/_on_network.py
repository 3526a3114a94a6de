"""Those that take bits in the network itself: what they leave can be trained, saved, and frozen for any runtime."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import nn

from autocompress.compress.quantizers.base import Quantizer


class OnNetwork(Quantizer, ABC):
    works_on: ClassVar[Literal["network", "file"]] = "network"

    @abstractmethod
    def whole(self, net: nn.Module) -> nn.Module:
        """The network in 32 bits: what its file in fewer has to be faster than."""
