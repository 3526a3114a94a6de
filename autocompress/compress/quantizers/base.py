"""How weights and activations lose bits. What counts is the exported file, so that is where a quantizer finishes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.plugin import Plugin


class Quantizer(Plugin, ABC):
    """Turn an exported fp32 file into a quantized one, with a few training examples to calibrate on."""

    @property
    @abstractmethod
    def weight_bits(self) -> int: ...

    @property
    def calibration_examples(self) -> int:
        """How many training examples `convert` wants to see."""
        return 128

    @abstractmethod
    def convert(self, source: Path, target: Path, calibration: Iterator[NDArray[np.float32]]) -> None:
        """Read `source`, write `target`; `calibration` yields batches of prepared inputs."""
