"""Batch norms that fit the network again: after a cut, or a short training, their averages are of another net."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autocompress.compress.lab import Lab

EXAMPLES = 2048
BATCH = 256


def recalibrate(net: nn.Module, lab: Lab) -> bool:
    """Average anew over training examples, prepared as in training; back to the old averages unless validation gains.

    Everything else stays as it is. Returns whether the new ones were kept.
    """
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    if not norms:
        return False
    net.to(lab.device).eval()
    before = lab.accuracy(net)
    old = [{name: value.clone() for name, value in norm.named_buffers()} for norm in norms]
    average(net, norms, lab)
    better = lab.accuracy(net) > before
    if not better:
        for norm, values in zip(norms, old, strict=True):
            norm.load_state_dict(values, strict=False)
    net.to("cpu").eval()
    return better


def average(net: nn.Module, norms: list[_BatchNorm], lab: Lab) -> None:
    """What these see, on average, while the rest of the network is as in use."""
    momenta = [norm.momentum for norm in norms]
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
    net.eval()
