"""Eight bits for ONNX Runtime: unsigned activations, signed weights per channel, ranges from a few examples."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autocompress.compress.quantizers.base import Quantizer
from autocompress.plugin import among


class OnnxStatic(Quantizer):
    """8 bits after training, by ONNX Runtime: activation ranges from `examples` training images."""

    examples: Literal[32, 128] = among(128, 32, 128)

    @property
    def weight_bits(self) -> int:
        return 8

    @property
    def calibration_examples(self) -> int:
        return self.examples

    def convert(self, source: Path, target: Path, calibration: Iterator[NDArray[np.float32]]) -> None:
        """Unsigned activations because signed ones fall back to float or scalar kernels on x86; MinMax because on
        networks of ReLU no other way of calibrating was better, and one was far worse."""
        import onnx
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        name = onnx.load(source).graph.input[0].name
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it advises a preparation that the exporter has already done
        try:
            quantize_static(
                str(source),
                str(target),
                _reader(calibration, name),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
        finally:
            logging.disable(before)


def _reader(calibration: Iterator[NDArray[np.float32]], name: str) -> object:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            x = next(calibration, None)
            return None if x is None else {name: x}

    return Reader()
