"""Which channels matter: one score per channel of a group that can only be cut together."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from autocompress.compress.cutting.anatomy import Role
from autocompress.plugin import Plugin


@dataclass(frozen=True)
class Slice:
    """Weights that lose entries when the group is cut: entry `i` of dimension `dim` goes with `channels[i]`."""

    weights: Tensor
    dim: int
    channels: Tensor  # for each entry along `dim`, the channel of the group it goes with, or -1 for none
    role: Role = "makes"  # what these weights do to the channels
    gradient: Tensor | None = None  # shaped like the weights, for those who ask for it

    def summed(self, values: Tensor, channels: int) -> Tensor:
        """Per channel of the group, the sum of `values` (shaped like the weights) over all that goes with it."""
        others = [d for d in range(values.ndim) if d != self.dim]
        return self.gathered(values.sum(others) if others else values, channels)

    def gathered(self, entries: Tensor, channels: int) -> Tensor:
        """Per channel of the group, the sum over its entries along `dim`."""
        mine = self.channels >= 0
        return torch.zeros(channels, dtype=entries.dtype).index_add(0, self.channels[mine], entries[mine])


class Importance(Plugin, ABC):
    """Score channels. Across groups, scores are compared after division by the mean of their group."""

    gradients: ClassVar[Literal["none", "sum", "squares"]] = "none"  # of the loss over some training examples, summed;
    # or the mean of the squares of those of single examples. Surgery supplies them
    compares: ClassVar[bool] = False  # scores of different groups can be compared as they are
    draws: ClassVar[bool] = False  # scores come from `chance` and not from the weights

    def judges(self, slices: Sequence[Slice]) -> bool:
        """Whether it has anything to say about this group. If not, the group keeps its channels."""
        return True

    @abstractmethod
    def score(self, slices: Sequence[Slice], channels: int, chance: torch.Generator) -> Tensor:
        """One finite number of at least 0 per channel, larger means keep. Permuting channels permutes the scores."""
