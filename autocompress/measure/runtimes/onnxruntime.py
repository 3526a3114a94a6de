"""ONNX Runtime on the CPU."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from autocompress.measure.runtimes.base import Runtime, Session, Snippet

if TYPE_CHECKING:
    from torch import nn


class Onnxruntime(Runtime):
    """ONNX Runtime on the CPU."""

    suffix: ClassVar[str] = ".onnx"
    module: ClassVar[str] = "onnxruntime"
    snippet: ClassVar[Snippet] = Snippet(
        imports="import onnxruntime",
        opens='SESSION = onnxruntime.InferenceSession(FILE, providers=["CPUExecutionProvider"])',
        runs='SESSION.run(None, {"x": x})[0]',
    )

    def lower(self, net: "nn.Module", inputs: tuple[int, int, int], path: Path) -> None:
        from autocompress.measure.export import to_onnx

        to_onnx(net, inputs, path)

    def open(self, path: Path) -> Session:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of a dozen kinds, none of them public
            raise ValueError(f"{path}: ONNX Runtime cannot read it: {error}") from error
        name = session.get_inputs()[0].name

        def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
            logits: NDArray[np.float32] = session.run(None, {name: x})[0]
            return logits

        return run

    @property
    def version(self) -> str:
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"
