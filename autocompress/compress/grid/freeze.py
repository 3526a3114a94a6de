"""From grids that can be learned to fixed ones, written in operations that the converters of all runtimes know."""

import copy
from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # noqa: F401 - brings torch.ops.quantized_decomposed
from torch import Tensor, fx, nn

from autocompress.compress.grid.grids import EIGHT, Grid, Layer, biases, gridded
from autocompress.compress.grid.place import idles, keeps
from autocompress.compress.grid.trace import module_of
from autocompress.errors import Failure
from autocompress.values.dialect import Dialect

OPS = torch.ops.quantized_decomposed
QUANTIZE, DEQUANTIZE = OPS.quantize_per_tensor.default, OPS.dequantize_per_tensor.default
BYTE = 256


def frozen(net: nn.Module, dialect: Dialect) -> fx.GraphModule:
    """A copy of a network with grids that rounds by constants, in a dialect; it can no longer be trained."""
    assert isinstance(net, fx.GraphModule)
    net = copy.deepcopy(net).cpu().eval().requires_grad_(False)
    for node in net.graph.nodes:
        if isinstance(layer := module_of(node), Layer) and len(node.args) > 1 and layer.bias is not None:
            layer.bias.copy_(biases(layer, net.get_submodule(node.args[1].target)))
            node.args = node.args[:1]
    for layer in gridded(net).values():
        weight, fixed = layer.grid.rounded(layer.weight), FixedWeights(layer.grid.step, folded=dialect.folded)
        layer.weight = nn.Parameter(fixed.quantized(weight) if dialect.folded else weight, requires_grad=False)
        layer.grid = fixed
    for node in list(net.graph.nodes):
        grid = module_of(node)
        if idles(node):
            node.replace_all_uses_with(node.all_input_nodes[0])
        elif isinstance(grid, Grid):
            _quantize(node, node.args[0], _numbers(grid, dialect))
        elif keeps(node) and node.meta["dims"] and (numbers := _numbers_before(node)):
            _quantize(node, node, numbers)
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


def _quantize(node: fx.Node, source: fx.Node, numbers: tuple[Any, ...]) -> None:
    """Round `source`; whoever reads `node` reads that."""
    graph, (_, _, least, most, kind) = node.graph, numbers
    with graph.inserting_after(node):
        whole = last = graph.call_function(QUANTIZE, (source, *numbers))
    if most - least < BYTE - 1:
        if kind is not torch.uint8:
            raise Failure("unsupported", "fewer than 8 bits of activations are for runtimes that count them from 0")
        with graph.inserting_after(whole):  # a file says only how many bytes there are
            last = graph.call_function(torch.clamp, (whole, least, most))
    with graph.inserting_after(last):
        read = graph.call_function(DEQUANTIZE, (last, *numbers))
    node.replace_all_uses_with(read, delete_user_cb=lambda user: user is not whole)


def _one_reader_each(graph: fx.Graph) -> None:
    for node in list(graph.find_nodes(op="call_function", target=DEQUANTIZE)):
        for reader in list(node.users)[1:]:
            with graph.inserting_after(node):
                reader.replace_input_with(node, graph.call_function(DEQUANTIZE, node.args))
