"""Maps of two networks side by side: which stages belong together, and how they are made comparable."""

from collections.abc import Sequence
from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor, nn

from autocompress.errors import Failure

T = TypeVar("T")

WIDEST = 512  # channels inside a bridge: with the 2048 of a ResNet-50 it would be larger than both networks


def deepest(stages: Sequence[T], most: int) -> Sequence[T]:
    """The last of them, `most` at most, shallow to deep."""
    if not stages:
        raise Failure("unsupported", "the method looks at maps of stages, and none are known of this network")
    return stages[-most:]


def pairs(student: Sequence[T], teacher: Sequence[T], most: int) -> list[tuple[T, T]]:
    """Stages from the deep end: last with last, and so on, `most` pairs at most, shallow to deep.

    The longer network's first stages have no partner. Deep stages mean the same in any network, shallow ones may not.
    """
    many = min(len(deepest(student, most)), len(deepest(teacher, most)))
    return list(zip(student[-many:], teacher[-many:], strict=True))


def same_size(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Of two maps, the larger pooled to the size of the smaller."""
    sides = (min(one.shape[2], other.shape[2]), min(one.shape[3], other.shape[3]))
    one, other = (x if x.shape[2:] == sides else F.adaptive_avg_pool2d(x, sides) for x in (one, other))
    return one, other


def regressor(before: int, after: int) -> nn.Module:
    """As many channels as the teacher has; no ReLU, since not every teacher's maps end in one."""
    return nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))


def similarity(maps: Tensor) -> Tensor:
    """Which examples of a batch look alike: a matrix of B x B, each row of length 1."""
    flat = maps.flatten(1)
    return F.normalize(flat @ flat.T, dim=1)
