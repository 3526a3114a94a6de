"""Which single weights of a network stay, and which become 0."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from autocompress.plugin import Plugin


class Pattern(Plugin, ABC):
    """Weights that are 0 already go first: what was taken out stays out, and each mask lies within the one before."""

    @property
    def most(self) -> float:
        """The largest share that it can take out."""
        return 1.0

    def fits(self, weight: Tensor) -> bool:
        """Layers that it cannot thin out are left whole, and do not count."""
        return True

    @abstractmethod
    def kept(self, weights: Mapping[str, Tensor], sparsity: float, generator: torch.Generator) -> dict[str, Tensor]:
        """True for each weight that stays, layer by layer. At least the share `sparsity` of all goes, and as little
        more as the pattern allows. `generator` is for patterns that draw."""
