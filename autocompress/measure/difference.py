"""Which layer of a file is the first that does not answer as the same layer of the network does."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import fx, nn

from autocompress.measure.runtimes._pt2 import exported

FLOAT, INTEGER = 0.01, 0.1  # what rounding may make of the answers of a layer; integers round at every one
BEYOND_DOUBT = 0.1  # of that: what went wrong before a layer may hardly show behind it
LAYERS = ("conv", "linear", "scaled_dot_product_attention")
AFTER = (  # an exporter may melt these into the layer before: then only what comes out of them is to be seen
    *("batch_norm", "relu", "relu6", "hardtanh", "clamp", "hardswish", "silu", "gelu", "sigmoid", "dropout"),
    *("quantize_per_tensor", "dequantize_per_tensor"),
)
FEW = 8  # images


class Difference(NamedTuple):
    layer: str
    by: float  # norm of the difference over norm of what is right

    def __str__(self) -> str:
        return f"the first layer that differs is {self.layer}, by {self.by:.1%} of its answers"


class _Layer(NamedTuple):
    name: str
    node: fx.Node
    before: frozenset[fx.Node]  # the layers that it reads from
    answers: list[NDArray[np.float32]]  # its own, and those of what may have been melted into it


def first_difference(net: nn.Module, file: Path, x: NDArray[np.float32]) -> Difference | None:
    """Of an ONNX file, run in ONNX Runtime; none if each layer that can be found in it answers as in `net`.

    Names are gone from the file and so may be the layers' limits, so layers are found by what they answer. One that is
    not found is innocent if all that read from it are right beyond doubt: it was melted into another.
    """
    theirs, integers = _in_file(file, x[:FEW])
    layers = list(_in_network(net, x[:FEW]))
    tolerance = INTEGER if integers else FLOAT
    right: set[fx.Node] = set()
    guilty = None
    for layer in reversed(layers):
        by = min((_distance(a, b) for a in layer.answers for b in theirs if a.shape == b.shape), default=np.inf)
        readers = [other.node for other in layers if layer.node in other.before]
        melted = bool(readers) and right.issuperset(readers)
        if melted or by <= tolerance * BEYOND_DOUBT:
            right.add(layer.node)
        if not melted and tolerance < by < np.inf:
            guilty = Difference(layer.name, by)
    return guilty


def _distance(right: NDArray[np.float32], seen: NDArray[np.float32]) -> float:
    distance = float(np.linalg.norm(seen - right) / max(float(np.linalg.norm(right)), 1e-9))
    return distance if np.isfinite(distance) else 1e9


def _in_network(net: nn.Module, x: NDArray[np.float32]) -> Iterator[_Layer]:
    """In the order in which they are computed."""
    graph = exported(net, (x.shape[1], x.shape[2], x.shape[3])).module(check_guards=False)
    assert isinstance(graph, fx.GraphModule)
    seen = _Seen(graph)
    with torch.inference_mode():
        seen.run(torch.from_numpy(x))
    before: dict[fx.Node, frozenset[fx.Node]] = {}
    for node in graph.graph.nodes:
        above = frozenset(chain.from_iterable(before[parent] for parent in node.all_input_nodes))
        if _kind(node).startswith(LAYERS):
            answers = [seen.answers[n] for n in (node, *_melted(node)) if n in seen.answers]
            yield _Layer(_name(node), node, above, answers)
            above = frozenset({node})
        before[node] = above


class _Seen(fx.Interpreter):
    """Runs a graph and keeps what every node of it answers."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph, garbage_collect_values=False)
        self.answers: dict[fx.Node, NDArray[np.float32]] = {}

    def run_node(self, n: fx.Node) -> object:
        answer = super().run_node(n)
        if n.op == "call_function" and isinstance(answer, torch.Tensor) and answer.dtype == torch.float32:
            self.answers[n] = answer.numpy().copy()
        return answer


def _melted(node: fx.Node) -> Iterator[fx.Node]:
    while len(node.users) == 1:
        (node,) = node.users
        if _kind(node).rstrip("_") not in AFTER:
            return
        yield node


def _kind(node: fx.Node) -> str:
    """`conv2d` of `aten.conv2d.default`."""
    return str(node.target).split(".")[1] if node.op == "call_function" and "." in str(node.target) else ""


def _name(node: fx.Node) -> str:
    """As `named_modules` has it; in graphs that never had modules, the node's own."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(stack[-1][0]) if stack and stack[-1][0] else node.name


def _in_file(file: Path, x: NDArray[np.float32]) -> tuple[list[NDArray[np.float32]], bool]:
    """What all of its nodes answer, and whether they do so in integers: then only what is turned back into numbers is
    looked at, because a look at the others would have them computed in floats."""
    import onnxruntime

    model = onnx.load(file)
    integers = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    held, told = {i.name for i in model.graph.initializer}, {o.name for o in model.graph.output}
    looked = [
        name
        for node in model.graph.node
        if not integers or (node.op_type == "DequantizeLinear" and node.input[0] not in held)
        for name in node.output
        if name and name not in told
    ]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in looked)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    answers = session.run(None, {model.graph.input[0].name: x})
    return [a for a in answers if isinstance(a, np.ndarray) and a.dtype == np.float32], integers
