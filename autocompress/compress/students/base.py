"""What may be trained: a family of networks, sized by its settings."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import nn

from autocompress.plugin import Plugin


@dataclass(frozen=True)
class Parts:
    """Where to look inside a built network, as module names: the outputs of its stages, and its classifier."""

    stages: tuple[str, ...]  # shallow to deep
    head: str  # an nn.Linear; its input is the embedding


class Student(Plugin, ABC):
    """Build a network with random weights, drawn from torch's global generator alone: the seed is the caller's."""

    @abstractmethod
    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        """From images of shape (C, H, W) to logits."""

    @abstractmethod
    def parts(self, net: nn.Module) -> Parts: ...
