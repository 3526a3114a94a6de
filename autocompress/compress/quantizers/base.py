"""How weights and activations lose bits: in the network, which can then learn to live with it, or in the file."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from autocompress.compress.lab import Lab
from autocompress.compress.layers import sized
from autocompress.compress.model import Model
from autocompress.plugin import Plugin, written
from autocompress.values.dialect import Dialect


class Quantizer(Plugin, ABC):
    """Some work on the `network`: `placed`, `prepare` and `frozen` are theirs. Others turn an exported ONNX `file` in
    32 bits into one in fewer: `convert` is theirs, with a few training examples to calibrate on."""

    works_on: ClassVar[Literal["network", "file"]] = "file"

    @property
    @abstractmethod
    def weight_bits(self) -> float:
        """Of each weight on average, as far as it is known without looking at a network."""

    def bits_of(self, net: nn.Module) -> float:
        """Of each weight on average, in a network that was `placed`."""
        return self.weight_bits

    def layer_bits(self, net: nn.Module) -> dict[str, tuple[float, float]]:
        """By layer: bits of its weights, and of what they are multiplied with."""
        return dict.fromkeys(sized(net), (self.weight_bits, self.weight_bits))

    def whole(self, net: nn.Module) -> nn.Module:
        """The network in 32 bits: what its file in fewer has to be faster than."""
        return net

    @property
    def calibration_examples(self) -> int:
        """How many training examples `convert` wants to see."""
        return 128

    def placed(self, model: Model) -> Model:
        """The model with grids in place, of any step: its shapes, and what weights that were saved are loaded into."""
        return self.noted(model)

    def prepare(self, model: Model, lab: Lab) -> Model:
        """The model with its grids in place and calibrated, ready to answer in few bits or to learn to."""
        return self.noted(model)

    def frozen(self, net: nn.Module, dialect: Dialect) -> nn.Module:
        """A copy that rounds by fixed steps, written as a runtime wants to read it."""
        return net

    def convert(self, source: Path, target: Path, calibration: Iterator[NDArray[np.float32]]) -> None:
        """Read `source`, write `target`; `calibration` yields batches of prepared inputs."""
        raise NotImplementedError

    def noted(self, model: Model) -> Model:
        """The model says by what it was quantized."""
        return replace(model, quantizer=written(Quantizer, self))
