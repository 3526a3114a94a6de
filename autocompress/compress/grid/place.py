"""Put grids into a network: on its weights, and wherever values change on their way from the input to the output."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch.nn.functional as F
from torch import fx

from autocompress.compress.grid.grids import GRIDDED, Grid, Layer, put_on_grid
from autocompress.compress.grid.trace import module_of, traced
from autocompress.compress.model import PARTS, Model
from autocompress.compress.students.base import Parts
from autocompress.errors import Failure

IDLE = {"Identity", "Dropout", "Dropout2d", "dropout", "stochastic_depth", "StochasticDepth", "contiguous"}  # in use
MOVING = {"flatten", "reshape", "view", "permute", "transpose", "squeeze", "unsqueeze", "expand", "roll", "pad"}
PICKING = {"max_pool2d", "adaptive_max_pool2d", "chunk", "split", "getitem"}
KEEPING = {"Flatten", "MaxPool2d", "AdaptiveMaxPool2d", "ZeroPad2d", "ChannelShuffle"} | IDLE | MOVING | PICKING
RECTIFIERS = {"ReLU", "ReLU6", "relu", "relu_", "relu6"}


@dataclass(frozen=True)
class Bits:
    """How many bits weights and activations have; the first and the last layer (`ends`) may have others."""

    weights: int = 8
    activations: int = 8
    ends: int | None = 8
    layers: Mapping[str, int] = field(default_factory=dict)  # of weights, by patterns of names, whatever else is said

    def of(self, layers: Sequence[str]) -> dict[str, int]:
        """Of the weights of each layer, from first to last. Of several patterns that fit, the one with most bits."""
        bits = dict.fromkeys(layers, self.weights)
        if self.ends is not None:
            bits |= {layers[0]: self.ends, layers[-1]: self.ends}
        for name in layers:
            said = [many for pattern, many in self.layers.items() if fnmatchcase(name, pattern)]
            bits[name] = max(said, default=bits[name])
        return bits


def place(model: Model, bits: Bits) -> fx.GraphModule:
    """The network of a model, with grids of any step. It shares layers with the model's."""
    parts = model.parts
    net, gives = traced(model.net, model.example())
    layers = [node for node in net.graph.nodes if type(module_of(node)) in GRIDDED]
    if not layers:
        raise Failure("unsupported", "there is no convolution and no matrix in this network to be put on a grid")
    names = [str(node.target) for node in layers]
    for name, many in bits.of(names).items():
        put_on_grid(net.get_submodule(name), many)
    on = _activations(net, bits, layers[-1])
    net.meta[PARTS] = Parts(tuple(on[gives[name]] for name in parts.stages if gives.get(name) in on), parts.head)
    for node in layers:
        if names.count(str(node.target)) == 1 and (read := on.get(_origin(node.all_input_nodes[0]))):
            with net.graph.inserting_before(node):
                node.args = (*node.args, net.graph.get_attr(read))
    net.delete_all_unused_submodules()
    net.graph.lint()
    net.recompile()
    return net.eval()


def left(net: fx.GraphModule) -> dict[str, str]:
    """Of a network with grids, the modules whose weights are on none, and what they are."""
    called = {str(node.target): module_of(node) for node in net.graph.find_nodes(op="call_module")}
    others = {name: module for name, module in called.items() if module and not isinstance(module, Layer | Grid)}
    return {name: type(module).__name__ for name, module in others.items() if any(True for _ in module.parameters())}


def _activations(net: fx.GraphModule, bits: Bits, last: fx.Node) -> dict[fx.Node, str]:
    """Grids after all steps that change values. Returns on which grid, by name, comes to lie what each step gives."""
    on: dict[fx.Node, str] = {}
    steps = list(net.graph.nodes)
    ends = {steps[0], *(_origin(node.all_input_nodes[0]) for node in (steps[-1], last))}
    for node in steps:
        if not node.meta.get("dims") or node.op in ("get_attr", "output") or _rectified(node):
            continue
        if keeps(node) and _origin(node) in on:
            on[node] = on[_origin(node)]
            continue
        many = bits.activations if bits.ends is None or node not in ends else bits.ends
        name, most = f"grids.{node.name}", _six(node)
        net.add_submodule(name, Grid.of_activations(many, most))
        with net.graph.inserting_after(node):
            call = net.graph.call_module(name, (node,))
        call.meta["dims"] = node.meta["dims"]
        node.replace_all_uses_with(call, delete_user_cb=lambda user, call=call: user is not call)
        on[node] = on[call] = name
        if named(node) in RECTIFIERS and _rectified(before := node.all_input_nodes[0]):
            on[before] = name
    return on


def keeps(node: fx.Node) -> bool:
    """Whether a step gives values that it was given, perhaps not all, or in other places."""
    return named(node) in KEEPING


def idles(node: fx.Node) -> bool:
    """Whether a step does nothing but in training."""
    return named(node) in IDLE


def named(node: fx.Node) -> str:
    """What a step is called, be it a module, a method or a function."""
    module = module_of(node)
    name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
    return str(name) if module is None else type(module).__name__


def _origin(node: fx.Node) -> fx.Node:
    """The step that made the values which come out here."""
    while keeps(node):
        node = node.all_input_nodes[0]
    return node


def _rectified(node: fx.Node) -> bool:
    """Whether a rectifier is all that reads it: runtimes do both in one, and what it takes away needs no place."""
    return len(node.users) == 1 and named(*node.users) in RECTIFIERS


def _six(node: fx.Node) -> float:
    """The most that comes out. A rectifier that ends at 6 becomes a plain one: its grid ends there, and no runtime
    needs an operation for it."""
    if named(node) not in ("ReLU6", "relu6"):
        return math.inf
    node.op, node.target, node.kwargs = "call_function", F.relu, {}
    return 6.0
