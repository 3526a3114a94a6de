"""No channel matters more than another: the control that every other importance has to beat."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from autocompress.compress.importances.base import Importance, Slice


class Random(Importance):
    """Scores drawn by lot, from the study's seed."""

    draws: ClassVar[bool] = True

    def score(self, slices: Sequence[Slice], channels: int, chance: torch.Generator) -> Tensor:
        return torch.rand(channels, generator=chance)
