"""Which channels of a network can only be cut together: plain data, that says it for every tensor they run through."""

import json
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from autocompress.compress.layers import refit

Role = Literal["makes", "reads", "scales", "other"]
Keep = Mapping[str, Sequence[int]]  # root of a group -> the channels of it that stay, in order


class Part(NamedTuple):
    """Of one tensor of the network: entry `entries[i]` along `dim` goes with channel `channels[i]` of the group."""

    tensor: str  # its name in the network's state
    dim: int
    role: Role  # weights that make the channels or read them, the scales of a batch norm on them, or something else
    entries: tuple[int, ...]
    channels: tuple[int, ...]


class Group(NamedTuple):
    """`width` channels, numbered from 0. Where a layer works on several at a time, one here stands for `each` there."""

    root: str  # the first layer that makes them
    width: int
    each: int
    parts: tuple[Part, ...]

    def makers(self) -> set[str]:
        """Names of the layers that the channels come from."""
        return {part.tensor.rpartition(".")[0] for part in self.parts if part.role == "makes"}


class Anatomy(NamedTuple):
    groups: tuple[Group, ...]
    left: Mapping[str, str]  # layers that keep all their channels, and why

    def written(self) -> str:
        """As JSON."""
        return json.dumps(self)

    @classmethod
    def read(cls, text: str | bytes) -> "Anatomy":
        groups, left = json.loads(text)
        read = (Group(root, width, each, tuple(map(_part, parts))) for root, width, each, parts in groups)
        return cls(tuple(read), left)

    def without(self, keep: Keep) -> "Anatomy":
        """Of the network that is left when only these channels stay; of groups that are not named, all do."""
        gone = _gone(self, keep)
        groups = []
        for group in self.groups:
            kept = keep.get(group.root, range(group.width))
            channel = {old: new for new, old in enumerate(kept)}
            parts = []
            for part in group.parts:
                lost = gone[part.tensor, part.dim]
                pairs = [(e - bisect_left(lost, e), channel[c]) for e, c in zip(*part[3:], strict=True) if c in channel]
                parts.append(Part(*part[:3], *zip(*pairs, strict=True)))
            groups.append(Group(group.root, len(kept), group.each, tuple(parts)))
        return Anatomy(tuple(groups), self.left)


def _part(tree: Any) -> Part:
    tensor, dim, role, entries, channels = tree
    return Part(tensor, dim, role, tuple(entries), tuple(channels))


def sizes(groups: Iterable[Group], shapes: Mapping[str, Sequence[int]], keep: Mapping[str, int]) -> dict[str, int]:
    """Of tensors of such shapes, how many numbers each holds when so many channels of each group stay."""
    left = {name: list(shape) for name, shape in shapes.items()}
    for group in groups:
        gone = group.width - keep.get(group.root, group.width)
        for part in group.parts:
            if gone and part.tensor in left:
                left[part.tensor][part.dim] -= gone * len(part.entries) // group.width
    return {name: math.prod(shape) for name, shape in left.items()}


def remove(net: nn.Module, anatomy: Anatomy, keep: Keep) -> None:
    """Leave only these channels in `net`, and let its layers know."""
    tensors: dict[str, Tensor] = dict([*net.named_parameters(), *net.named_buffers()])
    for (name, dim), lost in _gone(anatomy, keep).items():
        if lost:
            stays = torch.ones(tensors[name].shape[dim], dtype=torch.bool).index_fill(0, torch.tensor(lost), False)
            tensors[name].data = tensors[name].data.index_select(dim, stays.nonzero().flatten())
    refit(net)


def _gone(anatomy: Anatomy, keep: Keep) -> dict[tuple[str, int], list[int]]:
    """For each tensor and dimension, the entries that go, in order. One dimension may hold channels of many groups."""
    gone: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for group in anatomy.groups:
        stays = set(keep.get(group.root, range(group.width)))
        for part in group.parts:
            pairs = zip(part.entries, part.channels, strict=True)
            gone[part.tensor, part.dim] += [entry for entry, channel in pairs if channel not in stays]
    return {place: sorted(entries) for place, entries in gone.items()}
