"""Which channels matter: one score per channel of a group that can only be cut together."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from autocompress.plugin import Plugin


@dataclass(frozen=True)
class Slice:
    """A parameter that loses entries when the group is cut: entry `i` of dimension `dim` goes with `channels[i]`."""

    parameter: nn.Parameter
    dim: int
    channels: Tensor  # for each entry along `dim`, the channel of the group it goes with, or -1 for none

    def summed(self, values: Tensor, channels: int) -> Tensor:
        """Per channel of the group, the sum of `values` (shaped like the parameter) over all that goes with it."""
        others = [d for d in range(values.ndim) if d != self.dim]
        entries = values.sum(others) if others else values
        mine = self.channels >= 0
        return torch.zeros(channels, dtype=values.dtype).index_add(0, self.channels[mine], entries[mine])


class Importance(Plugin, ABC):
    """Score channels. The model is left as it was."""

    gradients: ClassVar[bool] = False  # wants `parameter.grad` of a few training batches; surgery supplies it

    @abstractmethod
    def score(self, slices: Sequence[Slice], channels: int) -> Tensor:
        """One finite number per channel, larger means keep. Permuting channels permutes the scores."""
