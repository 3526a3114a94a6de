"""Find out which channels of a network hang together, by torch-pruning's dependency graph, and prove it on the network.

Runs in a process of its own (see `dissector.py`): on some networks that graph takes all the time and memory there is.
"""

import copy
import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from autocompress.compress.cutting.anatomy import Anatomy, Group, Keep, Part, Role, remove
from autocompress.compress.layers import SIZED
from autocompress.errors import Failure

CANNOT = "pruning cannot follow this network"
TOLERANCE = 1e-3  # of the largest answer, in float32; one wrong wire changes answers by more

MAKERS = (_ConvNd, nn.Linear)


class _Point(NamedTuple):
    """One entry of one side of a layer, or of a parameter that belongs to none."""

    name: str
    out: bool  # the side that channels come out of
    entry: int


def dissect(net: nn.Module, inputs: tuple[int, int, int], head: str) -> Anatomy:
    """Every group of channels that can be cut; never the classes that `head` makes. Changes the weights of `net`."""
    wires, dims = _wires(net, inputs, head)
    blocks = [block for name, layer in net.named_modules() for block in _blocks(name, layer)]
    known = {point for wire in wires for point in wire}
    loose = {point for block in blocks if not known.issuperset(block) for point in block}
    alike: defaultdict[tuple[tuple[tuple[str, bool], int], ...], list[list[_Point]]] = defaultdict(list)
    for bundle in _connected([*wires, *blocks]):
        if loose.isdisjoint(bundle):  # else some of it cannot go, so all of it stays
            alike[tuple(sorted(Counter((p.name, p.out) for p in bundle).items()))].append(bundle)
    order = list(dict(net.named_modules()))
    groups = sorted((_group(net, dims, bundles) for bundles in alike.values()), key=lambda g: order.index(g.root))
    anatomy = Anatomy(tuple(groups), _left(net, groups, head))
    prove(net, inputs, anatomy)
    return anatomy


def prove(net: nn.Module, inputs: tuple[int, int, int], anatomy: Anatomy) -> None:
    """With random weights, a network that lost half its channels answers as one where nobody listens to that half.

    And so with the other half. Norms that look at several channels at once only scale and shift here.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad(), _NormsOnlyScale():
        torch.manual_seed(0)
        _randomise(net)
        x = torch.randn(2, *inputs)
        mixed = {group.root: torch.randperm(group.width).tolist() for group in anatomy.groups}
        for half in (0, 1):
            keep = {root: sorted(channels[half::2] or channels) for root, channels in mixed.items()}
            wanted = _deaf(net, anatomy, keep)(x)
            try:
                smaller = copy.deepcopy(net)
                remove(smaller, anatomy, keep)
                got = smaller(x)
            except (RuntimeError, ValueError, IndexError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise Failure("unsupported", f"{CANNOT}: after a cut, {reason}") from error
            if got.shape != wanted.shape or not (got - wanted).abs().max() <= TOLERANCE * wanted.abs().max():
                raise Failure("unsupported", f"{CANNOT}: it does not see how its channels connect")


def _deaf(net: nn.Module, anatomy: Anatomy, keep: Keep) -> nn.Module:
    """The same network, but only these channels are listened to."""
    deaf = copy.deepcopy(net)
    for group in anatomy.groups:
        heard = set(keep[group.root])
        for part in group.parts:
            if part.role == "reads":
                unheard = [e for e, channel in zip(part.entries, part.channels, strict=True) if channel not in heard]
                deaf.get_parameter(part.tensor).index_fill_(part.dim, torch.tensor(unheard, dtype=torch.long), 0)
    return deaf


def _wires(net: nn.Module, inputs: tuple[int, int, int], head: str) -> tuple[list[list[_Point]], dict[str, int]]:
    """For every channel that can be cut, where it runs; and along which dimension of parameters outside of layers."""
    from torch_pruning import DependencyGraph

    net.eval().requires_grad_(True)
    graph = DependencyGraph()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph.build_dependency(net, torch.zeros(1, *inputs), verbose=False)
        groups = list(graph.get_all_groups(ignored_layers=[net.get_submodule(head)]))
    names: dict[Any, str] = {layer: name for name, layer in net.named_modules()}
    names |= {parameter: name for name, parameter in net.named_parameters()}
    wires: list[list[_Point]] = []
    dims = {}
    for items in groups:
        channels: defaultdict[int, list[_Point]] = defaultdict(list)
        for item in items:
            layer = item.dep.target.module
            if layer not in names:
                continue  # an operation, such as a sum
            if isinstance(layer, nn.Parameter):
                dims[names[layer]] = item.dep.target.pruning_dim % layer.ndim
            elif not isinstance(layer, SIZED):
                if any(True for _ in layer.parameters()):
                    raise Failure("unsupported", f"pruning cannot cut {layer}")
                continue
            out = item.dep.handler == graph.get_pruner_of_module(layer).prune_out_channels
            for entry, channel in zip(item.idxs, item.root_idxs, strict=True):
                channels[channel].append(_Point(names[layer], out, entry))
        wires += channels.values()
    return wires, dims


def _blocks(name: str, layer: nn.Module) -> Iterator[list[_Point]]:
    """What goes into one group of a grouped layer, and what comes out of it, can only go together.

    Depthwise, a group is one channel, and there is but one side.
    """
    match layer:
        case _ConvNd() if layer.groups > 1 and not _depthwise(layer):
            sides = {False: layer.in_channels // layer.groups, True: layer.out_channels // layer.groups}
            groups = layer.groups
        case nn.GroupNorm() if layer.num_groups > 1:
            sides = {True: layer.num_channels // layer.num_groups}
            groups = layer.num_groups
        case _:
            return
    for group in range(groups):
        yield [_Point(name, out, group * size + i) for out, size in sides.items() for i in range(size)]


def _connected(sets: Iterable[list[_Point]]) -> list[list[_Point]]:
    """Sets that share a point are one, and so on."""
    place: dict[_Point, int] = {}
    merged: dict[int, list[_Point]] = {}
    for number, points in enumerate(sets):
        merged[number] = []
        for other in {place[point] for point in points if point in place}:
            merged[number] += merged.pop(other)
        merged[number] += [point for point in dict.fromkeys(points) if point not in place]
        place |= dict.fromkeys(merged[number], number)
    return [sorted(points) for points in merged.values()]


def _group(net: nn.Module, dims: Mapping[str, int], bundles: list[list[_Point]]) -> Group:
    """From bundles that run through the same layers, in the order of the first that makes them."""
    sides = {(point.name, point.out) for point in bundles[0]}
    root = next(name for name, layer in net.named_modules() if (name, True) in sides and isinstance(layer, MAKERS))
    bundles = sorted(bundles, key=lambda bundle: next(p.entry for p in bundle if p.name == root and p.out))
    channels: defaultdict[tuple[str, bool], dict[int, int]] = defaultdict(dict)
    for channel, bundle in enumerate(bundles):
        for name, out, entry in bundle:
            channels[name, out][entry] = channel
    parts = []
    for (name, out), goes in sorted(channels.items()):
        for tensor, dim, role in _tensors(net, name, out, dims):
            parts.append(Part(tensor, dim, role, tuple(goes), tuple(goes.values())))
    return Group(root, len(bundles), sum(p.name == root and p.out for p in bundles[0]), tuple(parts))


def _tensors(net: nn.Module, name: str, out: bool, dims: Mapping[str, int]) -> Iterator[tuple[str, int, Role]]:
    """What loses entries when a channel goes that runs through this side: tensor, dimension, and what they do."""
    if name in dims:
        yield name, dims[name], "other"
        return
    layer = net.get_submodule(name)
    own = dict([*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)])
    match layer:
        case _ConvNd() | nn.Linear():
            turned = isinstance(layer, _ConvNd) and layer.transposed
            if isinstance(layer, _ConvNd) and layer.groups > 1:  # a filter sees its own group only
                if out is not turned or _depthwise(layer):
                    yield f"{name}.weight", 0, "makes"
            else:
                yield f"{name}.weight", int(out is turned), "makes" if out else "reads"
            if out and "bias" in own:
                yield f"{name}.bias", 0, "other"
        case nn.PReLU() if layer.num_parameters == 1:
            return
        case _:
            for tensor, values in own.items():
                if values.ndim == 1:
                    scales = tensor == "weight" and isinstance(layer, _BatchNorm)
                    yield f"{name}.{tensor}", 0, "scales" if scales else "other"


def _depthwise(layer: _ConvNd) -> bool:
    return layer.groups == layer.in_channels == layer.out_channels


def _left(net: nn.Module, groups: Iterable[Group], head: str) -> dict[str, str]:
    """Layers that keep all their channels, and why."""
    cut = {maker for group in groups for maker in group.makers()}
    why = "its channels go together with others that cannot go, such as those of the image or the classes"
    left = {name: why for name, layer in net.named_modules() if isinstance(layer, MAKERS) and name not in cut}
    return left | {head: "it makes the classes"}


def _randomise(net: nn.Module) -> None:
    """So that every connection matters: fresh networks have scales of 0, and biases too."""
    for tensor in net.parameters():
        if tensor.ndim > 1:
            tensor.normal_(0, math.sqrt(2 / tensor[0].numel()))
        else:
            tensor.uniform_(0.5, 1.5)
    for name, buffer in net.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)


class _NormsOnlyScale(TorchFunctionMode):
    """While it lasts, norms that look at several channels of an example leave them as they are."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function not in (F.layer_norm, F.group_norm):
            return function(*args, **kwargs)
        x, weight, bias = args[0], kwargs["weight"], kwargs["bias"]
        after = () if function is F.layer_norm else (1,) * (x.ndim - 2)  # dimensions behind the channels
        x = x if weight is None else x * weight.reshape(*weight.shape, *after)
        return x if bias is None else x + bias.reshape(*bias.shape, *after)
