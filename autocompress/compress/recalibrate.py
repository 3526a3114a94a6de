"""Batch norms that fit the network again: after a cut, or a short training, their averages are of another net."""

import torch
from torch import nn

from autocompress.compress.lab import Lab

EXAMPLES = 2048
BATCH = 256


def recalibrate(net: nn.Module, lab: Lab) -> None:
    """Average anew over training examples, prepared as in training. Everything else stays as it is."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)]
    momenta = [norm.momentum for norm in norms]
    net.to(lab.device).eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over all batches
        norm.train()
    with torch.no_grad():
        for place, batch in enumerate(lab.batches(BATCH, epoch=0)):
            if place * BATCH >= EXAMPLES:
                break
            net(batch.x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.to("cpu").eval()
