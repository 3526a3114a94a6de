"""In how many bits each layer's weights would fit: weights of few levels are stored as int8, and run as int8."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import GraphProto, TensorProto, numpy_helper

READERS = {"Conv": "conv", "ConvTranspose": "conv", "Gemm": "matrix", "MatMul": "matrix"}
WRAPPED = {"DequantizeLinear", "Cast", "Transpose", "Reshape", "Identity"}  # between what is stored and its reader
INTEGER = {TensorProto.INT8, TensorProto.INT4}
NARROW: dict[int, int] = {TensorProto.INT4: 4, TensorProto.UINT4: 4}  # NumPy holds them in bytes


class Stored(NamedTuple):
    """The weights of one layer."""

    weights: int
    bits: int  # that the values need; of floats, that they have
    levels: int  # that are used, of integers


def stored_bits(file: Path) -> dict[str, int]:
    """Bits per layer of an ONNX file, in the order in which they run."""
    return {layer: each.bits for layer, each in stored(file).items()}


def stored(file: Path) -> dict[str, Stored]:
    """By layer: `conv 3 (32x16x3x3)`. A slim file holds no names."""
    layers = enumerate(of_layers(onnx.load(file).graph), start=1)
    return {f"{kind} {place} ({'x'.join(map(str, held.dims))})": _stored(held) for place, (kind, held) in layers}


def bits(tensor: TensorProto) -> int:
    """Of signed integers: the fewest that hold all of them, in two's complement."""
    if tensor.data_type not in INTEGER:
        return NARROW.get(tensor.data_type, 8 * numpy_helper.to_array(tensor).itemsize)
    values = numpy_helper.to_array(tensor).astype(np.int16)
    below, above = int(values.min(initial=0)), int(values.max(initial=0))
    return max((-below - 1).bit_length() if below else 0, above.bit_length()) + 1


def _stored(tensor: TensorProto) -> Stored:
    values = numpy_helper.to_array(tensor)
    levels = len(np.unique(values.astype(np.int16))) if tensor.data_type in INTEGER else 0
    return Stored(values.size, bits(tensor), levels)


def of_layers(graph: GraphProto) -> Iterator[tuple[str, TensorProto]]:
    """Kind and weights of each layer, in the order in which they run."""
    held = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type not in READERS:
            continue
        for name in node.input[:2]:  # a product may have its weights on either side
            while name in makers and makers[name].op_type in WRAPPED:
                name = makers[name].input[0]
            if name in held:
                yield READERS[node.op_type], held[name]
