"""LiteRT on the CPU, once called TensorFlow Lite."""

import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from autocompress.errors import Failure
from autocompress.measure import workers
from autocompress.measure.runtimes import _pt2
from autocompress.measure.runtimes._quiet import quietly
from autocompress.measure.runtimes.base import Runtime, Session, Snippet, found
from autocompress.values.dialect import Dialect

if TYPE_CHECKING:
    from torch import nn

WORKER = "litert"  # the environment whose tool writes the files
OPENS = """NET = Interpreter(FILE, num_threads=1)
NET.allocate_tensors()
INPUT, OUTPUT = NET.get_input_details()[0], NET.get_output_details()[0]


def answer(one):
    one = one.transpose(1, 2, 0)[None]
    if INPUT["dtype"] == np.int8:
        scale, zero = INPUT["quantization"]
        one = np.clip(np.rint(one / np.float32(scale)) + zero, -128, 127).astype(np.int8)
    NET.set_tensor(INPUT["index"], one)
    NET.invoke()
    found = NET.get_tensor(OUTPUT["index"])
    if OUTPUT["dtype"] != np.int8:
        return found
    scale, zero = OUTPUT["quantization"]
    return (found.astype(np.float32) - zero) * np.float32(scale)"""


class Litert(Runtime):
    """LiteRT on the CPU. The file takes one image, channels last; a batch is as many calls.

    A quantized network becomes a file of integers throughout, which is what microcontrollers and their compilers take.
    """

    suffix: ClassVar[str] = ".tflite"
    dialect: ClassVar[Dialect] = Dialect(signed=True, folded=False)
    layout: ClassVar[str] = "NHWC"
    module: ClassVar[str] = "ai_edge_litert"
    extra: ClassVar[str] = "litert"
    snippet: ClassVar[Snippet] = Snippet(
        imports="from ai_edge_litert.interpreter import Interpreter",
        opens=OPENS,
        runs="np.concatenate([answer(one) for one in x])",
    )

    def lower(self, net: "nn.Module", inputs: tuple[int, int, int], path: Path) -> None:
        if lack := workers.missing(WORKER):
            raise Failure("export", lack)
        program = _pt2.exported(net, inputs, batch=1)
        with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
            source, target = Path(folder) / "net.pt2", Path(folder) / "net.tflite"
            _pt2.write(program, source)
            question = {"do": "litert", "source": str(source), "target": str(target), "inputs": list(inputs)}
            workers.ask(WORKER, question)
            path.write_bytes(target.read_bytes())

    def open(self, path: Path) -> Session:
        if not found(self.module):
            raise Failure("measure", super().missing)
        with quietly():
            from ai_edge_litert.interpreter import Interpreter

            try:
                net = Interpreter(model_content=path.read_bytes(), num_threads=self.threads)
                net.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise ValueError(f"{path}: LiteRT cannot read it: {error}") from error
        source, target = net.get_input_details()[0], net.get_output_details()[0]
        shown, told = _shown(source), _told(target)

        def answer(one: NDArray[np.float32]) -> NDArray[np.float32]:
            net.set_tensor(source["index"], shown(one.transpose(1, 2, 0)[None]))
            net.invoke()
            return told(net.get_tensor(target["index"]))

        return lambda x: np.concatenate([answer(one) for one in x])

    @property
    def version(self) -> str:
        return f"litert {version('ai-edge-litert')}"

    @property
    def missing(self) -> str:
        return super().missing or workers.missing(WORKER)


def _shown(tensor: dict[str, Any]) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """How an image is written for the file."""
    if tensor["dtype"] != np.int8:
        return np.ascontiguousarray
    scale, zero = np.float32(tensor["quantization"][0]), tensor["quantization"][1]
    return lambda x: np.clip(np.rint(x / scale) + zero, -128, 127).astype(np.int8)


def _told(tensor: dict[str, Any]) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """What the file's numbers mean."""
    if tensor["dtype"] != np.int8:
        return lambda y: y
    scale, zero = np.float32(tensor["quantization"][0]), tensor["quantization"][1]
    return lambda y: (y.astype(np.float32) - zero) * scale
