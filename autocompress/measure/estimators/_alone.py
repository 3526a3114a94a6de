"""One layer as a file of its own, so that it can be timed: random weights, and 8-bit grids around it if it has them."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from autocompress.errors import Failure
from autocompress.measure.estimators._layer import Layer
from autocompress.measure.graph import CONVOLUTIONS

OPSET = 20
CAN = (
    *(*CONVOLUTIONS, "depthwise", "linear", "add", "mul", "relu", "relu6", "hard_swish", "sigmoid"),
    *("max_pool2d", "global_avg_pool"),
)
SIMPLE = {"add": "Add", "mul": "Mul", "relu": "Relu", "hard_swish": "HardSwish", "sigmoid": "Sigmoid"}


def alone(layer: Layer, path: Path) -> None:
    """Write it for ONNX Runtime."""
    if layer.op not in CAN or layer.bits not in (8, 32):
        raise Failure("measure", f"nothing here times {layer.op} in {layer.bits} bits alone")
    file = _File(layer.bits == 8)
    if layer.op == "linear":
        incoming: tuple[int, ...] = (layer.high, layer.cin)
        made = file.product("Gemm", file.given(incoming), (layer.cin, layer.cout), layer.cout)
    elif layer.macs:
        incoming, made = _convolution(file, layer)
    elif layer.op in ("add", "mul"):
        incoming = (1, layer.cout, layer.high, layer.wide)
        made = file.node(SIMPLE[layer.op], [file.given(incoming), file.given(incoming, "x2")])
    elif layer.op == "max_pool2d":
        incoming = (1, layer.cin, layer.high * layer.stride, layer.wide * layer.stride)
        window = {"kernel_shape": [layer.kernel_high, layer.kernel_wide], "strides": [layer.stride] * 2}
        made = file.node("MaxPool", [file.given(incoming)], **window)
    else:
        side = 8 if layer.op == "global_avg_pool" else 1  # a map to take the mean of: its size is not in the table
        incoming = (1, layer.cin, layer.high * side, layer.wide * side)
        before = file.given(incoming)
        made = (
            file.clip(before) if layer.op == "relu6" else file.node(SIMPLE.get(layer.op, "GlobalAveragePool"), [before])
        )
    if layer.activation:
        made = file.node("Relu", [made]) if layer.activation == "relu" else file.clip(made)
    file.write(made, path)


def _convolution(file: "_File", layer: Layer) -> tuple[tuple[int, ...], str]:
    kernel = (layer.kernel_high, layer.kernel_wide)
    pads = [k // 2 for k in kernel]
    incoming = (1, layer.cin, *(_before(out, layer.stride) for out in (layer.high, layer.wide)))
    made = file.product(
        "Conv",
        file.given(incoming),
        (layer.cout, layer.cin // layer.groups, *kernel),
        layer.cout,
        strides=[layer.stride] * 2,
        pads=pads * 2,
        group=layer.groups,
    )
    return incoming, made


def _before(out: int, stride: int) -> int:
    return out * stride


class _File:
    """Nodes and weights, while they gather."""

    def __init__(self, quantized: bool) -> None:
        self.quantized = quantized
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self.inputs: list[ValueInfoProto] = []
        self.random = np.random.default_rng(0)

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return self.grid(name) if self.quantized and op not in ("QuantizeLinear", "DequantizeLinear") else name

    def constant(self, array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def given(self, shape: tuple[int, ...], name: str = "x") -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return self.grid(name) if self.quantized else name

    def grid(self, name: str) -> str:
        """Unsigned, as ONNX Runtime is fastest."""
        scale, zero = self.constant(np.array(0.05, np.float32)), self.constant(np.array(128, np.uint8))
        narrow = self.node("QuantizeLinear", [name, scale, zero])
        return self.node("DequantizeLinear", [narrow, scale, zero])

    def product(self, op: str, before: str, shape: tuple[int, ...], out: int, **attributes: Any) -> str:
        weight = self.random.standard_normal(shape, np.float32) / prod(shape) ** 0.5
        bias = self.random.standard_normal(out).astype(np.float32)
        if not self.quantized:
            return self.node(op, [before, self.constant(weight), self.constant(bias)], **attributes)
        scale = np.float32(np.abs(weight).max() / 127)
        ints = self.constant(np.clip(np.round(weight / scale), -127, 127).astype(np.int8))
        grid = [self.constant(np.array(scale)), self.constant(np.array(0, np.int8))]
        biases = self.constant(np.round(bias / (scale * 0.05)).astype(np.int32))
        fine = [self.constant(np.array(scale * np.float32(0.05))), self.constant(np.array(0, np.int32))]
        filters = self.node("DequantizeLinear", [ints, *grid])
        return self.node(op, [before, filters, self.node("DequantizeLinear", [biases, *fine])], **attributes)

    def clip(self, name: str) -> str:
        low, high = (self.constant(np.array(v, np.float32)) for v in (0, 6))
        return self.node("Clip", [name, low, high])

    def write(self, made: str, path: Path) -> None:
        out = helper.make_empty_tensor_value_info(made)
        out.type.tensor_type.elem_type = TensorProto.FLOAT
        graph = helper.make_graph(self.nodes, "g", self.inputs, [out], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        path.write_bytes(model.SerializeToString(deterministic=True))
