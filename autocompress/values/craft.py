"""What the head must know about stages without knowing what they are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from autocompress.values.space import Tree

Technique = Literal["distillation", "pruning", "quantization"]
TECHNIQUES: tuple[Technique, ...] = get_args(Technique)


@dataclass(frozen=True)
class Craft:
    """`free`: it trains nothing, so it costs next to nothing. `techniques`: which of the three a stage is."""

    free: Callable[[Tree], bool]
    techniques: Callable[[Tree], frozenset[Technique]]
