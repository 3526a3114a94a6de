"""What a network with grids says of itself: how many bits each of its layers has."""

from torch import fx, nn

from autocompress.compress.grid.grids import Grid, Layer
from autocompress.compress.grid.trace import module_of


def layer_bits(net: nn.Module) -> dict[str, tuple[float, float]]:
    """By layer on grids: bits of its weights, and of what they are multiplied with."""
    assert isinstance(net, fx.GraphModule)
    found: dict[str, tuple[float, float]] = {}
    for node in net.graph.nodes:
        layer = module_of(node)
        if isinstance(layer, Layer):
            read = net.get_submodule(str(node.args[1].target)) if len(node.args) > 1 else None
            found[str(node.target)] = (layer.grid.bits, read.bits if isinstance(read, Grid) else 32)
    return found
