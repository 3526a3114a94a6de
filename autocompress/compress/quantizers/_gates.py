"""Hard gates as integers: ONNX Runtime knows HardSwish and HardSigmoid for floats only, but it adds and multiplies.

A hard sigmoid is alpha * x + beta, cut off at 0 and 1. Integers that are read with another scale are another multiple
of x for nothing; and what is written with a scale of 1/255, unsigned, cannot leave 0..1.
"""

import numpy as np
from onnx import GraphProto, NodeProto, helper, numpy_helper

UNIT = (0.0, 1.0)  # what the output of every gate has to span


def apart(graph: GraphProto) -> list[str]:
    """Every HardSwish becomes its input times a HardSigmoid, in place. Returns the outputs of all HardSigmoids."""
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "HardSwish":
            gate = f"{node.output[0]}.gate"
            nodes += [
                helper.make_node("HardSigmoid", [node.input[0]], [gate], alpha=1 / 6, beta=0.5),
                helper.make_node("Mul", [node.input[0], gate], [node.output[0]]),
            ]
        else:
            nodes.append(node)
    _put(graph, nodes)
    return [node.output[0] for node in graph.node if node.op_type == "HardSigmoid"]


def summed(graph: GraphProto) -> None:
    """Every HardSigmoid between integers becomes an addition, in place; its output was given the range `UNIT`."""
    scales = {i.name: i for i in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    nodes: list[NodeProto] = []
    for node in graph.node:
        source = makers.get(node.input[0])
        kept = [each.op_type for each in readers.get(node.output[0], ())] == ["QuantizeLinear"]
        if node.op_type != "HardSigmoid" or source is None or source.op_type != "DequantizeLinear" or not kept:
            nodes.append(node)
            continue
        said = {a.name: a.f for a in node.attribute}
        alpha, beta = said.get("alpha", 0.2), said.get("beta", 0.5)
        stem = node.output[0]
        scale = numpy_helper.to_array(scales[source.input[1]]) * np.float32(alpha)
        held = {"scale": scale, "beta": np.float32(beta), "one": np.uint8(1), "zero": np.uint8(0)}
        graph.initializer.extend(numpy_helper.from_array(np.asarray(v), f"{stem}.{k}") for k, v in held.items())
        nodes += [
            helper.make_node("DequantizeLinear", [source.input[0], f"{stem}.scale", source.input[2]], [f"{stem}.ax"]),
            helper.make_node("DequantizeLinear", [f"{stem}.{k}" for k in ("one", "beta", "zero")], [f"{stem}.b"]),
            helper.make_node("Add", [f"{stem}.ax", f"{stem}.b"], [stem]),
        ]
    read = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
    _put(graph, [node for node in nodes if read.intersection(node.output)])


def _put(graph: GraphProto, nodes: list[NodeProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)
