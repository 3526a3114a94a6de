"""Say the same in an ONNX graph by operators that runtimes are quick at, as integers too."""

import numpy as np
from onnx import GraphProto, TensorProto, helper, numpy_helper


def rewrite(graph: GraphProto) -> None:
    """In place. What the graph answers stays as it was, but for rounding."""
    _pool(graph)
    _norms(graph)


def _pool(graph: GraphProto) -> None:
    """ReduceMean over a whole map is GlobalAveragePool, which runtimes have in int8 and in their fast layouts."""
    constants = {i.name: i for i in graph.initializer}
    for node in graph.node:
        if node.op_type != "ReduceMean" or len(node.input) < 2 or node.input[1] not in constants:
            continue
        axes = sorted(numpy_helper.to_array(constants[node.input[1]]).tolist())
        keeps = all(a.i == 1 for a in node.attribute if a.name == "keepdims")
        if keeps and axes in ([2, 3], [-2, -1]):
            node.op_type = "GlobalAveragePool"
            del node.input[1:]
            del node.attribute[:]


def _norms(graph: GraphProto) -> None:
    """A batch norm that no convolution could take in is a convolution itself: one weight per channel. As integers it
    runs; a batch norm would be an island of floats."""
    constants = {i.name: i for i in graph.initializer}
    maps = {
        value.name
        for value in (*graph.value_info, *graph.input)
        if len(value.type.tensor_type.shape.dim) == 4 and value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    for node in graph.node:
        if node.op_type != "BatchNormalization" or node.input[0] not in maps:
            continue
        if not all(name in constants for name in node.input[1:]):
            continue
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        held = [numpy_helper.to_array(constants[name]).astype(np.float64) for name in node.input[1:]]
        scale, shift, mean, var = held
        weight = scale / np.sqrt(var + epsilon)
        bias = shift - mean * weight
        names = [f"{node.output[0]}.norm_{part}" for part in ("weight", "bias")]
        graph.initializer.extend(
            [
                numpy_helper.from_array(weight.astype(np.float32).reshape(-1, 1, 1, 1), names[0]),
                numpy_helper.from_array(bias.astype(np.float32), names[1]),
            ]
        )
        node.op_type = "Conv"
        node.input[1:] = names
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("group", len(weight)))
