"""OpenVINO on the CPU, for ONNX files."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from autocompress.errors import Failure
from autocompress.measure.runtimes._quiet import quietly
from autocompress.measure.runtimes.base import Runtime, Session, Snippet

if TYPE_CHECKING:
    from torch import nn


class Openvino(Runtime):
    """OpenVINO on the CPU, for ONNX files. Left alone it would take 16 bits where 32 were meant."""

    suffix: ClassVar[str] = ".onnx"
    module: ClassVar[str] = "openvino"
    extra: ClassVar[str] = "openvino"
    snippet: ClassVar[Snippet] = Snippet(
        imports="import openvino",
        opens='NET = openvino.Core().compile_model(FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})',
        runs="NET([x])[0]",
    )

    def lower(self, net: "nn.Module", inputs: tuple[int, int, int], path: Path) -> None:
        from autocompress.measure.export import to_onnx

        to_onnx(net, inputs, path)

    def open(self, path: Path) -> Session:
        if self.missing:
            raise Failure("measure", self.missing)
        import openvino

        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # integers stay integers
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": 1,
        }
        try:
            with quietly():
                net = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as error:
            raise ValueError(f"{path}: OpenVINO cannot read it as ONNX") from error

        def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
            logits: NDArray[np.float32] = net([x])[0]
            return logits.copy()  # it is written over by the next call

        return run

    @property
    def version(self) -> str:
        return f"openvino {version('openvino')}"
