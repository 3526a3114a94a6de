"""The same network without its grids: what its file in few bits has to be faster than."""

import copy

from torch import fx, nn

from autocompress.compress.grid.grids import GRIDDED, Grid, gridded
from autocompress.compress.grid.trace import module_of


def without_grids(net: nn.Module) -> fx.GraphModule:
    """A copy in 32 bits, its batch norms still folded away."""
    net = copy.deepcopy(net)
    assert isinstance(net, fx.GraphModule)
    for node in list(net.graph.nodes):
        module = module_of(node)
        if isinstance(module, Grid):
            node.replace_all_uses_with(node.args[0])
        elif type(module) in GRIDDED.values():
            node.args = node.args[:1]
    plain = {on_grid: type_ for type_, on_grid in GRIDDED.items()}
    for layer in gridded(net).values():
        del layer.grid
        layer.__class__ = plain[type(layer)]  # type: ignore[assignment]
    net.graph.eliminate_dead_code()
    net.delete_all_unused_submodules()
    net.recompile()
    return net
