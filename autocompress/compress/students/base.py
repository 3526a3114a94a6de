"""What may be trained: a family of networks, sized by its settings."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import nn

from autocompress.plugin import Plugin


@dataclass(frozen=True)
class Parts:
    """Where to look inside a built network, as module names: the outputs of its stages, and its classifier."""

    stages: tuple[str, ...]  # shallow to deep; maps (B, C, H, W), or tokens (B, T, C)
    head: str  # an nn.Linear, or a convolution of 1 x 1; its input, averaged over the map, is the embedding


@dataclass(frozen=True)
class Scale:
    """How a network wants its pixels: `(x / 255 - mean) / std`, per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Student(Plugin, ABC):
    """Build a network with random weights, drawn from torch's global generator alone: the seed is the caller's.

    A family with a setting `round_to` makes all its widths multiples of it; who does not set it gets the device's.
    """

    least_side: ClassVar[int] = 1  # smaller images have nothing left for the last layers
    uncut: ClassVar[str] = ""  # why no channel can be cut from it, if so
    of_teacher: ClassVar[bool] = False  # not built: the teacher itself
    runs_code: ClassVar[bool] = False  # of the user's: nothing that a stranger may ask for
    downloads: ClassVar[bool] = False  # its weights, if it is to have any

    @property
    def folder(self) -> Path | None:
        """Not built: a model that was saved there."""
        return None

    @abstractmethod
    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        """From images of shape (C, H, W) to logits. The architecture alone: no file is read."""

    @abstractmethod
    def parts(self, net: nn.Module) -> Parts: ...

    def pretrain(self, net: nn.Module) -> None:
        """Fill a network that was just built with weights from elsewhere, if the settings name any."""

    @property
    def pretrained(self) -> str:
        """What tells these weights from others, such as the digest of their file; empty if there are none."""
        return ""

    @property
    def trained(self) -> bool:
        """Whether it knows something before its first stage."""
        return self.of_teacher or self.folder is not None or bool(self.pretrained)

    @property
    def source(self) -> str:
        """What tells code of the user's from what it was before they changed it."""
        return ""

    @property
    def scale(self) -> Scale | None:
        """How the weights from elsewhere want their pixels; None: as the data set says."""
        return None
