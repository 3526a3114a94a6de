"""What can be cut from a network with attention: the hidden widths of its MLPs, never the embedding.

A matrix, something done to each number alone, a matrix: what is between the two is nobody else's.
"""

from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from autocompress.compress.cutting.anatomy import Anatomy, Group, Part

ATTENTION = ("MultiheadAttention", "ShiftedWindowAttention")  # torch's, and torchvision's Swin
NONLINEAR = (nn.GELU, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.SiLU, nn.Hardswish, nn.Mish, nn.ELU, nn.Tanh)
ALONE = (*NONLINEAR, nn.Dropout, nn.Identity)


def attends(net: nn.Module) -> bool:
    return any(kind.__name__ in ATTENTION for module in net.modules() for kind in type(module).__mro__)


def hidden(net: nn.Module) -> Anatomy:
    """One group for each MLP that is written as a sequence."""
    groups = tuple(_group(net, first, second) for first, second in _pairs(net))
    cut = {group.root for group in groups}
    why = "it belongs to the embedding, or to attention"
    layers = (name for name, layer in net.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d))
    return Anatomy(groups, {name: why for name in layers if name not in cut})


def _pairs(net: nn.Module) -> Iterator[tuple[str, str]]:
    for name, module in net.named_modules():
        if isinstance(module, nn.Sequential):
            steps = [(f"{name}.{place}", m) for place, m in module.named_children() if not isinstance(m, ALONE)]
            for (one, first), (other, second) in pairwise(steps):
                if isinstance(first, nn.Linear) and isinstance(second, nn.Linear):
                    yield one, other


def _group(net: nn.Module, first: str, second: str) -> Group:
    layer = net.get_submodule(first)
    assert isinstance(layer, nn.Linear)
    everything = tuple(range(layer.out_features))
    parts = [Part(f"{first}.weight", 0, "makes", everything, everything)]
    if layer.bias is not None:
        parts.append(Part(f"{first}.bias", 0, "other", everything, everything))
    parts.append(Part(f"{second}.weight", 1, "reads", everything, everything))
    return Group(first, layer.out_features, 1, tuple(parts))
