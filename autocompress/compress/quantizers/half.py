"""Sixteen bits by a cast: half the file, and on most CPUs not a bit faster."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, TensorProto, helper, numpy_helper

from autocompress.compress.quantizers._on_file import OnFile
from autocompress.errors import Failure
from autocompress.plugin import among

WORTH = 32  # a cast takes up about 60 bytes of the file
PATIENCE = 120.0  # seconds that opening a file may take; on an idle machine it is one
OPEN = """
import sys
import onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
try:
    onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
except Exception as error:
    sys.exit(print(error) or 1)
"""
TYPES = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}


class Half(OnFile):
    """16 bits: the weights are stored so, and with `compute: half` everything is computed so too."""

    format: Literal["fp16", "bf16"] = among("fp16", "fp16", "bf16")
    compute: Literal["float", "half"] = "float"  # not searched: on x86 halves were never quicker, some nets slower

    @property
    def weight_bits(self) -> int:
        return 16

    @property
    def calibration_examples(self) -> int:
        return 0

    def convert(self, source: Path, target: Path, calibration: Iterator[NDArray[np.float32]]) -> None:
        """What goes in and what comes out stays in 32 bits. Stored as halves, computed as floats: the runtime casts
        once, when it opens the file."""
        import onnx

        model = onnx.load(source)
        change = _computed if self.compute == "half" else _stored
        change(model.graph, TYPES[self.format])
        target.write_bytes(model.SerializeToString(deterministic=True))
        if self.compute == "half":
            _opens(target, self.format)


def _stored(graph: GraphProto, held: int) -> None:
    """Weights are 16 bits wide and cast where they are read."""
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= WORTH:
            name = tensor.name
            tensor.CopyFrom(_cast(tensor, held, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _computed(graph: GraphProto, held: int) -> None:
    """Everything between what goes in and what comes out is 16 bits wide."""
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(_cast(tensor, held, tensor.name))
    inner = {value.name: f"{value.name}.half" for value in (*graph.input, *graph.output)}
    for node in graph.node:
        node.input[:] = [inner.get(name, name) for name in node.input]
        node.output[:] = [inner.get(name, name) for name in node.output]
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = held
    nodes = [
        *(helper.make_node("Cast", [value.name], [inner[value.name]], to=held) for value in graph.input),
        *graph.node,
        *(helper.make_node("Cast", [inner[value.name]], [value.name], to=TensorProto.FLOAT) for value in graph.output),
    ]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)


def _cast(tensor: TensorProto, held: int, name: str) -> TensorProto:
    values = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        narrow = values.astype(helper.tensor_dtype_to_np_dtype(held))
    if not np.isfinite(narrow.astype(np.float32)).all():
        raise Failure("unsupported", f"a weight of {np.abs(values).max():.3g} does not fit into fp16")
    return numpy_helper.from_array(narrow, name)


def _opens(file: Path, kind: str) -> None:
    """Not every runtime computes in halves, and only opening the file tells: in a process of its own, for on some
    networks ONNX Runtime crashes."""
    command = [sys.executable, "-P", "-c", OPEN, str(file)]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        file.unlink()
        text = f"ONNX Runtime did not open this network in {kind} within {PATIENCE:g} s"
        raise Failure("timeout", text) from None
    if said.returncode:
        file.unlink()
        reason = said.stdout.strip().partition("\n")[0] or f"it ends with status {said.returncode}"
        raise Failure("unsupported", f"ONNX Runtime does not run this network in {kind}: {reason}")
