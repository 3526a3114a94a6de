"""From grids that can be learned to fixed ones, written in operations that the converters of all runtimes know."""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # brings torch.ops.quantized_decomposed
import torch.nn.functional as F
from torch import Tensor, fx, nn

from autocompress.compress.grid.grids import EIGHT, Grid, Layer, biases, gridded
from autocompress.compress.grid.place import idles, keeps, named
from autocompress.compress.grid.trace import module_of
from autocompress.values.dialect import Dialect

OPS = torch.ops.quantized_decomposed
QUANTIZE, DEQUANTIZE = OPS.quantize_per_tensor.default, OPS.dequantize_per_tensor.default
BYTE = 256
JOINING = ("cat", "concat")  # where activations are signed, runtimes join only what is on one grid


def frozen(net: nn.Module, dialect: Dialect) -> fx.GraphModule:
    """A copy of a network with grids that rounds by constants, in a dialect; it can no longer be trained."""
    assert isinstance(net, fx.GraphModule)
    net = copy.deepcopy(net).cpu().eval().requires_grad_(False)
    for node in net.graph.nodes:
        if isinstance(layer := module_of(node), Layer) and len(node.args) > 1:
            read = net.get_submodule(str(node.all_input_nodes[1].target))
            assert isinstance(read, Grid)
            layer.register_parameter("bias", _constant(biases(layer, read)))
            node.args = node.args[:1]
    for layer in gridded(net).values():
        weight, fixed = layer.grid.rounded(layer.weight), FixedWeights(layer.grid.step, folded=dialect.folded)
        layer.register_parameter("weight", _constant(fixed.quantized(weight) if dialect.folded else weight))
        layer.add_module("grid", fixed)
    for node in list(net.graph.nodes):
        grid = module_of(node)
        if isinstance(grid, Grid):
            numbers, step = _numbers(grid, dialect), node.args[0]
            if dialect.signed and named(step) in JOINING:
                for part in step.all_input_nodes:
                    step.replace_input_with(part, _rounded(part, numbers))
            node.replace_all_uses_with(_rounded(step, numbers))
        elif idles(node):
            node.replace_all_uses_with(node.all_input_nodes[0])
        elif keeps(node) and node.meta["dims"] and (numbers := _numbers_before(node)):
            node.replace_all_uses_with(_rounded(node, numbers), delete_user_cb=lambda user: user.target is not QUANTIZE)
    if dialect.one_reader:
        _one_reader_each(net.graph)
    net.graph.eliminate_dead_code()
    net.delete_all_unused_submodules()
    net.recompile()
    return net


class FixedWeights(nn.Module):
    """A grid for weights that are whole numbers already; or, if they are not `folded`, are made so when it is read."""

    step: Tensor
    zero: Tensor

    def __init__(self, step: Tensor, *, folded: bool) -> None:
        super().__init__()
        self.folded = folded
        self.register_buffer("step", step.detach().clone())
        self.register_buffer("zero", torch.zeros(len(step), dtype=torch.int64))

    def rounded(self, weight: Tensor) -> Tensor:
        whole = weight if self.folded else self.quantized(weight)
        read: Tensor = OPS.dequantize_per_channel(whole, self.step, self.zero, 0, -EIGHT, EIGHT, torch.int8)
        return read

    def quantized(self, weight: Tensor) -> Tensor:
        """As bytes, however few bits they fill: a tool that reads of fewer takes them for something else."""
        whole: Tensor = OPS.quantize_per_channel(weight, self.step, self.zero, 0, -EIGHT, EIGHT, torch.int8)
        return whole


def _constant(x: Tensor | None) -> nn.Parameter | None:
    return None if x is None else nn.Parameter(x, requires_grad=False)


def _numbers(grid: Grid, dialect: Dialect) -> tuple[Any, ...]:
    """Step, place of 0, least, most and type of the whole numbers of a grid."""
    least = -BYTE // 2 if dialect.signed else 0
    kind = torch.int8 if dialect.signed else torch.uint8
    return float(grid.step), least - int(grid.low), least, least + grid.span, kind


def _numbers_before(node: fx.Node) -> tuple[Any, ...]:
    """The same of the values that a step moves about, if they are on a grid."""
    before = node.all_input_nodes[0]
    while keeps(before):
        before = before.all_input_nodes[0]
    return before.args[1:] if before.target is DEQUANTIZE else ()


def _rounded(step: fx.Node, numbers: tuple[Any, ...]) -> fx.Node:
    """What a step gives, as it is on a grid. A file does not say how much of a byte is used, so it is clipped too."""
    unit, zero, least, most, kind = numbers
    few, byte = most - least < BYTE - 1, (unit, zero, least, least + BYTE - 1, kind)
    if few and kind is torch.int8:  # a clip of its own, from byte to byte: with others it would not be fused
        whole = _then(_then(step, QUANTIZE, *byte), DEQUANTIZE, *byte)
        step = _then(whole, F.hardtanh, (least - zero) * unit, (most - zero) * unit)
    whole = _then(step, QUANTIZE, *numbers)
    if few and kind is torch.uint8:
        whole = _then(whole, torch.clamp, least, most)
    return _then(whole, DEQUANTIZE, *numbers)


def _then(step: fx.Node, function: Callable[..., Any], *settings: Any) -> fx.Node:
    with step.graph.inserting_after(step):
        return step.graph.call_function(function, (step, *settings))


def _one_reader_each(graph: fx.Graph) -> None:
    for node in list(graph.find_nodes(op="call_function", target=DEQUANTIZE)):
        for reader in list(node.users)[1:]:
            with graph.inserting_after(node):
                reader.replace_input_with(node, graph.call_function(DEQUANTIZE, node.args))
