"""The operations of an ONNX file. Quantized ones are read as the integer operations that they stand for."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from autocompress.errors import Failure
from autocompress.measure.graph import Graph, Kind, Operation, Tensor
from autocompress.measure.shapes_of_onnx import shapes

KINDS: dict[str, Kind] = {
    "Add": "add",
    "Sub": "add",
    "Mul": "mul",
    "Div": "mul",
    "Relu": "relu",
    "Clip": "relu6",
    "HardSwish": "hard_swish",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "sigmoid",
    "Softmax": "softmax",
    "AveragePool": "avg_pool2d",
    "MaxPool": "max_pool2d",
    "GlobalAveragePool": "global_avg_pool",
    "BatchNormalization": "batch_norm",
    "Concat": "concat",
    "Pad": "pad",
    "Transpose": "transpose",
    "Gemm": "linear",
}
OWNERS = ("Conv", "Gemm", "MatMul", "BatchNormalization", "LayerNormalization", "Add", "Mul", "Concat")
VIEWS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout")  # the same numbers under another shape
TAKES_ACTIVATION: tuple[Kind, ...] = (
    *("conv2d", "pointwise", "depthwise_conv2d", "linear", "matmul"),
    *("add", "mul", "batch_norm", "avg_pool2d", "max_pool2d"),
)
NARROW: dict[int, int] = {
    TensorProto.INT4: 4,
    TensorProto.UINT4: 4,
    **dict.fromkeys((TensorProto.INT8, TensorProto.UINT8), 8),
    **dict.fromkeys((TensorProto.INT16, TensorProto.UINT16, TensorProto.FLOAT16, TensorProto.BFLOAT16), 16),
}
COUNTING = (TensorProto.INT64, TensorProto.BOOL)  # shapes and places, which nobody computes on the device


def graph(path: Path) -> Graph:
    try:
        model = onnx.load(path)
        _sort(model)
        for value in model.graph.input:
            value.type.tensor_type.shape.dim[0].dim_value = 1
        return _Reader(model).graph()
    except Failure:
        raise
    except Exception as error:  # of a file that strangers wrote, anything
        text = f"cannot read the operations of {path.name}: {type(error).__name__}: {error}"
        raise Failure("measure", text) from error


def _sort(model: ModelProto) -> None:
    """Nobody is asked before what it reads is there; ONNX Runtime's quantizer writes files that are not so."""
    maker = {name: node for node in model.graph.node for name in node.output}
    done: set[str] = set()
    order: list[NodeProto] = []
    for last in model.graph.node:
        waiting = [last]
        while waiting:
            node = waiting[-1]
            before = [maker[name] for name in node.input if name in maker and maker[name].output[0] not in done]
            if before:
                waiting += before[:1]
                continue
            waiting.pop()
            if node.output[0] not in done:
                done.add(node.output[0])
                order.append(node)
    order = [NodeProto.FromString(node.SerializeToString()) for node in order]
    del model.graph.node[:]
    model.graph.node.extend(order)


class _Reader:
    """Goes through the nodes once; what they write is known when somebody reads it."""

    def __init__(self, model: ModelProto) -> None:
        self.nodes = list(model.graph.node)
        self.outputs = [value.name for value in model.graph.output]
        self.readers = Counter(name for node in self.nodes for name in node.input) + Counter(self.outputs)
        self.by: dict[str, list[str]] = {}
        for node in self.nodes:
            for name in node.input:
                self.by.setdefault(name, []).append(node.op_type)
        self.shapes, self.types = shapes(model)
        self.inputs = [value.name for value in model.graph.input]
        self.stored = {i.name: (prod(i.dims), _bits(i.data_type)) for i in model.graph.initializer}
        self.root = {name: name for name in self.inputs}  # value -> the tensor that holds it
        self.alone = dict.fromkeys(self.inputs, False)  # so far, nobody else has seen what the operation wrote
        self.tensors = {name: Tensor(self.shapes[name], _bits(self.types[name])) for name in self.inputs}
        self.operations: list[Operation] = []
        self.maker: dict[str, int] = {}  # tensor -> place of the operation that writes it

    def graph(self) -> Graph:
        for node in self.nodes:
            self._node(node)
        operations = tuple(self._with_bits(operation) for operation in self.operations)
        outputs = tuple(self.root[name] for name in self.outputs)
        return Graph(operations, MappingProxyType(self.tensors), tuple(self.inputs), outputs)

    def _node(self, node: NodeProto) -> None:
        given = [name for name in node.input if name]
        data = [name for name in given if name in self.root]
        if not data or node.op_type == "Shape" or self.types.get(node.output[0]) in COUNTING:
            self._constant(node, given)
        elif node.op_type in VIEWS or node.op_type == "DequantizeLinear":
            self._same(data[0], node.output[0])
        elif node.op_type == "QuantizeLinear" and self._only_quantized(data[0]):
            self._same(data[0], node.output[0])
            held = self.root[data[0]]
            self.tensors[held] = self.tensors[held]._replace(bits=_bits(self.types.get(node.output[0], 0), 8))
        elif self._on_the_way(node, data, given):
            self._same(data[0], node.output[0])
        else:
            self._operation(node, data, [name for name in given if name not in self.root])

    def _constant(self, node: NodeProto, given: list[str]) -> None:
        """Whatever is made of weights alone is a weight; its size is that of what is in the file."""
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = node.attribute[0].t
            self.stored[node.output[0]] = (prod(tensor.dims), _bits(tensor.data_type))
            return
        size, bits = self.stored.get(given[0], (0, 32)) if given else (0, 32)
        if node.op_type == "QuantizeLinear":
            bits = _bits(self.types.get(node.output[0], 0), 8)
        for name in node.output:
            self.stored[name] = (size, bits)

    def _same(self, before: str, after: str) -> None:
        self.root[after] = self.root[before]
        self.alone[after] = self.alone[before] and self.readers[before] == 1

    def _only_quantized(self, name: str) -> bool:
        """Nobody wants it as it is, so it is never held so."""
        return set(self.by[name]) == {"QuantizeLinear"} and name not in self.outputs

    def _free(self, name: str) -> int | None:
        """The place of the operation that made it, if nobody but the next one ever reads it."""
        if not self.alone[name] or self.readers[name] != 1:
            return None
        return self.maker[self.root[name]]

    def _on_the_way(self, node: NodeProto, data: list[str], given: list[str]) -> bool:
        """Whether the operation before does it, too."""
        if node.op_type in ("Relu", "Clip"):
            return self._as_activation(data[0], node.op_type)
        return node.op_type == "Add" and len(data) == 1 and self._as_bias(data[0], given)

    def _as_activation(self, name: str, op: str) -> bool:
        narrow = self.types.get(name) in (TensorProto.INT8, TensorProto.UINT8)
        if narrow and op == "Clip":
            return True  # fewer bits within eight, between quantizing and dequantizing
        place = self._free(name)
        if place is None:
            return False
        made = self.operations[place]
        if made.kind not in TAKES_ACTIVATION or made.activation:
            return False
        self.operations[place] = replace(made, activation="relu" if op == "Relu" else "relu6")
        return True

    def _as_bias(self, name: str, given: list[str]) -> bool:
        """What is added to a product with weights, one number per channel, is its bias."""
        place = self._free(name)
        other = next(n for n in given if n != name)
        if place is None:
            return False
        made, (size, bits) = self.operations[place], self.stored.get(other, (0, 32))
        if made.kind not in ("linear", "conv2d", "pointwise", "depthwise_conv2d") or made.activation:
            return False
        if size != made.channels[1]:
            return False
        extra = -(-size * bits // 8)
        self.operations[place] = replace(made, weights=made.weights + size, weight_bytes=made.weight_bytes + extra)
        return True

    def _operation(self, node: NodeProto, data: list[str], constants: list[str]) -> None:
        written = [name for name in node.output if name and self.readers[name]]
        for name in written:
            if name not in self.shapes:
                raise Failure("measure", f"the shape of what {node.op_type} writes is not known")
            self.root[name], self.alone[name], self.maker[name] = name, True, len(self.operations)
            self.tensors[name] = Tensor(self.shapes[name], _bits(self.types.get(name, TensorProto.FLOAT)))
        reads = tuple(dict.fromkeys(self.root[name] for name in data))
        owned = [self.stored[name] for name in constants if self._counts(node, name)]
        operation = Operation(
            kind=KINDS.get(node.op_type, "other"),
            name=node.name or (written[0] if written else node.op_type),
            reads=reads,
            writes=tuple(written),
            shape_in=self.shapes[data[0]],
            shape_out=self.shapes[written[0]] if written else (),
            weights=sum(size for size, _ in owned),
            weight_bytes=sum(-(-size * bits // 8) for size, bits in owned),
        )
        more = DETAILS.get(node.op_type)
        self.operations.append(replace(operation, **more(self, node, operation)) if more else operation)

    def _counts(self, node: NodeProto, name: str) -> bool:
        """Weights and biases, and no scale, zero point, axis or bound."""
        return node.op_type in OWNERS and name in self.stored

    def _with_bits(self, operation: Operation) -> Operation:
        widest = max((self.tensors[name].bits for name in (*operation.reads, *operation.writes)), default=32)
        return replace(operation, bits=widest)


def _convolution(reader: _Reader, node: NodeProto, operation: Operation) -> dict[str, Any]:
    weight = reader.shapes[node.input[1]]
    groups = int(_attribute(node, "group", 1))
    kernel = (weight[2], weight[3] if len(weight) > 3 else 1)
    incoming = operation.shape_in[1]
    kind: Kind = "conv2d"
    if groups > 1 and groups == incoming:
        kind = "depthwise_conv2d"
    elif groups == 1 and kernel == (1, 1):
        kind = "pointwise"
    return {
        "kind": kind,
        "kernel": kernel,
        "stride": tuple(_attribute(node, "strides", (1, 1))),
        "pads": tuple(_attribute(node, "pads", (0, 0, 0, 0))),
        "groups": groups,
        "macs": prod(operation.shape_out) * prod(weight[1:]),
    }


def _product(reader: _Reader, node: NodeProto, operation: Operation) -> dict[str, Any]:
    """A matrix of weights makes a linear layer; two tensors are multiplied as they come."""
    weights = node.input[1] in reader.stored or node.input[0] in reader.stored
    inner = reader.shapes[node.input[0]][-2 if _attribute(node, "transA", 0) else -1]
    return {"kind": "linear" if weights else "matmul", "macs": prod(operation.shape_out) * inner}


def _pool(reader: _Reader, node: NodeProto, operation: Operation) -> dict[str, Any]:
    return {
        "kernel": tuple(_attribute(node, "kernel_shape", (1, 1))),
        "stride": tuple(_attribute(node, "strides", (1, 1))),
        "pads": tuple(_attribute(node, "pads", (0, 0, 0, 0))),
    }


def _mean(reader: _Reader, node: NodeProto, operation: Operation) -> dict[str, Any]:
    """A mean over a whole map."""
    maps = len(operation.shape_in) == 4 and prod(operation.shape_out) == operation.shape_in[1]
    return {"kind": "global_avg_pool" if maps else "other"}


DETAILS: dict[str, Callable[[_Reader, NodeProto, Operation], dict[str, Any]]] = {
    "Conv": _convolution,
    "Gemm": _product,
    "MatMul": _product,
    "AveragePool": _pool,
    "MaxPool": _pool,
    "ReduceMean": _mean,
}


def _attribute(node: NodeProto, name: str, default: Any) -> Any:
    found = next((a for a in node.attribute if a.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


def _bits(kind: int, default: int = 32) -> int:
    return NARROW.get(kind, default)
