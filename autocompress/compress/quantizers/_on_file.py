"""Those that turn an exported ONNX file in 32 bits into one in fewer. The network stays as it is: it learns nothing."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from autocompress.compress.lab import Lab
from autocompress.compress.layers import sized
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.values.dialect import Dialect


class OnFile(Quantizer, ABC):
    works_on: ClassVar[Literal["network", "file"]] = "file"

    @property
    @abstractmethod
    def calibration_examples(self) -> int:
        """How many training examples `convert` wants to see."""

    @abstractmethod
    def convert(self, source: Path, target: Path, calibration: Iterator[NDArray[np.float32]]) -> None:
        """Read `source`, write `target`; `calibration` yields batches of prepared inputs."""

    @final
    def bits_of(self, net: nn.Module) -> float:
        return self.weight_bits

    @final
    def layer_bits(self, net: nn.Module) -> dict[str, tuple[float, float]]:
        return dict.fromkeys(sized(net), (self.weight_bits, self.weight_bits))

    @final
    def placed(self, model: Model) -> Model:
        return self.noted(model)

    @final
    def prepare(self, model: Model, lab: Lab) -> Model:
        return self.noted(model)

    @final
    def frozen(self, net: nn.Module, dialect: Dialect) -> nn.Module:
        return net
