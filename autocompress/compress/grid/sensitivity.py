"""What each layer bears: how far the answers move when its weights alone have fewer bits."""

from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autocompress.compress.grid.grids import Grid, gridded
from autocompress.compress.lab import BATCH, Lab


def harms(net: nn.Module, lab: Lab, choices: Collection[int], examples: int) -> dict[str, dict[int, float]]:
    """For each layer of a network whose grids are calibrated: bits -> how far its answers to training examples are from
    what they were (Kullback-Leibler, mean, in nats). Layers are tried one at a time; the network is left as it was."""
    shown = _shown(lab, examples)
    net.to(lab.device)
    try:
        before = _answers(net, shown)
        return {name: {b: _moved(net, name, b, shown, before) for b in choices} for name in gridded(net)}
    finally:
        net.to("cpu")


def _moved(net: nn.Module, name: str, bits: int, shown: list[Tensor], before: Tensor) -> float:
    layer = gridded(net)[name]
    kept, layer.grid = layer.grid, Grid.of_weights(bits, len(layer.weight)).to(layer.weight.device)
    layer.grid.suit(layer.weight)
    try:
        after = _answers(net, shown)
    finally:
        layer.grid = kept
    return max(0.0, float(F.kl_div(after, before, reduction="batchmean", log_target=True)))


def _answers(net: nn.Module, shown: list[Tensor]) -> Tensor:
    with torch.inference_mode():
        return torch.cat([net(x).log_softmax(1) for x in shown])


def _shown(lab: Lab, examples: int) -> list[Tensor]:
    """The first of the training split, in its first order."""
    found, left = [], examples
    for batch in lab.batches(min(BATCH, examples), epoch=0):
        found.append(batch.x[:left])
        left -= len(found[-1])
        if left <= 0:
            break
    return found
