"""Let grids go where the numbers are: those of weights by the weights, those of activations by what passes through."""

from typing import Any

import torch
from torch import fx, nn

from autocompress.compress.grid.grids import Grid, Layer, gridded
from autocompress.compress.lab import Lab

BATCH = 32


def calibrate(net: nn.Module, lab: Lab, examples: int) -> None:
    """On the first training examples, as training shows them, through weights that are on their grids already."""
    with torch.no_grad():
        for layer in gridded(net).values():
            layer.grid.suit(layer.weight)
        net.to(lab.device)
        assert isinstance(net, fx.GraphModule)
        watch = Watch(net)
        for place, batch in enumerate(lab.batches(BATCH, epoch=0)):
            if place * BATCH >= examples:
                break
            watch.run(batch.x)
        for name, (least, most) in watch.seen.items():
            grid = net.get_submodule(name)
            assert isinstance(grid, Grid)
            grid.reach(least, most)
        net.to("cpu")


class Watch(fx.Interpreter):
    """Runs a network as if activations had no grids, and notes how far they go."""

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__(net)
        self.seen: dict[str, tuple[float, float]] = {}

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        module = self.fetch_attr(target)
        if isinstance(module, Layer):
            return module(args[0])  # not told of the grid that it will read
        if not isinstance(module, Grid):
            return super().call_module(target, args, kwargs)
        low, high = (float(x) for x in args[0].aminmax())
        least, most = self.seen.get(target, (low, high))
        self.seen[target] = min(least, low), max(most, high)
        return args[0]
