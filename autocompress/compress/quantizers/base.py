"""How weights and activations lose bits: in the network, which can then learn to live with it, or in the file."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, Literal

from torch import nn

from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.plugin import Plugin, written
from autocompress.values.dialect import Dialect


class Quantizer(Plugin, ABC):
    """What can be asked of each of them, wherever it does its work. See `OnNetwork` and `OnFile`."""

    works_on: ClassVar[Literal["network", "file"]]

    @property
    @abstractmethod
    def weight_bits(self) -> float:
        """Of each weight on average, as far as it is known without looking at a network."""

    @abstractmethod
    def bits_of(self, net: nn.Module) -> float:
        """Of each weight on average, in a network that was `placed`."""

    @abstractmethod
    def layer_bits(self, net: nn.Module) -> dict[str, tuple[float, float]]:
        """By layer: bits of its weights, and of what they are multiplied with."""

    @abstractmethod
    def placed(self, model: Model) -> Model:
        """The model as `prepare` leaves it, with any numbers: its shapes, and what saved weights are loaded into."""

    @abstractmethod
    def prepare(self, model: Model, lab: Lab) -> Model:
        """The model ready to answer in few bits or to learn to, as far as that is done to a network."""

    @abstractmethod
    def frozen(self, net: nn.Module, dialect: Dialect) -> nn.Module:
        """What is exported: a network that rounds by fixed steps, written as a runtime wants to read it."""

    def noted(self, model: Model) -> Model:
        """The model says by what it was quantized."""
        return replace(model, quantizer=written(Quantizer, self))
