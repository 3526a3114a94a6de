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
from autocompress.compress.model import Model
from autocompress.plugin import Plugin, written
from autocompress.values.dialect import Dialect


class Quantizer(Plugin, ABC):
    """Some work on the `network`: `prepare`, `placed` and `frozen` are theirs. Others turn an exported ONNX `file` in
    32 bits into one in fewer: `convert` is theirs, with a few training examples to calibrate on."""

    works_on: ClassVar[Literal["network", "file"]] = "file"

    @property
    @abstractmethod
    def weight_bits(self) -> float:
        """Of each weight on average, as far as it is known without looking at a network."""

    @property
    def calibration_examples(self) -> int:
        """How many training examples it wants to see."""
        return 128

    def prepare(self, model: Model, lab: Lab) -> Model:
        """The model with its grids in place and calibrated, ready to answer in few bits or to learn to."""
        return self.noted(model)

    def placed(self, net: nn.Module, inputs: tuple[int, int, int]) -> nn.Module:
        """The network with grids in place, of any scale: what weights that were saved are loaded into."""
        return net

    def frozen(self, net: nn.Module, dialect: Dialect) -> nn.Module:
        """A copy that rounds by fixed scales, written as a runtime wants to read it."""
        return net

    def convert(self, source: Path, target: Path, calibration: Iterator[NDArray[np.float32]]) -> None:
        """Read `source`, write `target`; `calibration` yields batches of prepared inputs."""
        raise NotImplementedError

    def noted(self, model: Model) -> Model:
        """The model says by what it was quantized."""
        return replace(model, quantizer=written(Quantizer, self))
