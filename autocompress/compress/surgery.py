"""Cut channels out of a network for real: which belong together, how many stay, which go.

torch-pruning finds the groups (its dependency graph is the part that is sound); widths, scores and checks are ours.
"""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autocompress.compress.importances.base import Importance, Slice
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.errors import Failure

GRADIENT_BATCHES = 4
GRADIENT_BATCH = 128
SOFTNESS = 4.0  # a trained net makes no mistake on its training examples; only softened do its answers have a gradient
LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm)


class Group(NamedTuple):
    """Channels that can only be cut together, wherever they come and go."""

    root: nn.Module
    width: int
    slices: list[Slice]


def cut(model: Model, lab: Lab, ratio: float, importance: Importance | None = None) -> Model:
    """A copy of `model` with about `ratio` of the channels of every group gone, but never the inputs nor the classes.

    Widths depend on `ratio` and `lab.round_to` alone. Without an importance the first channels stay.
    """
    model = model.copy()
    net = model.net
    graph = _graph(model)
    groups = list(_groups(graph, net.get_submodule(model.parts.head)))
    before = weights(net)
    if importance is not None and importance.gradients:
        _gradients(net, lab)
    plan = []
    for group in groups:
        scores = torch.arange(group.width, 0, -1.0) if importance is None else _scores(importance, group)
        order = scores.argsort(descending=True, stable=True)
        plan.append((group.root, sorted(order[kept(group.width, ratio, lab.round_to) :].tolist())))
    net.zero_grad(set_to_none=True)
    for root, gone in plan:
        if gone:
            graph.get_pruning_group(root, graph.get_pruner_of_module(root).prune_out_channels, gone).prune()
    if any(gone for _, gone in plan):
        _check(model, before)
    elif ratio > 0 and any(g.width > lab.round_to for g in groups):
        widths = sorted({g.width for g in groups})
        raise Failure(
            "no_effect",
            f"ratio {ratio:g} cuts nothing: widths {widths} in steps of {lab.round_to} are too coarse for it",
        )
    return model


def kept(width: int, ratio: float, step: int) -> int:
    """How many of `width` channels stay: of `width` and the multiples of `step`, the nearest to what is asked."""
    wanted = width * (1 - ratio)
    options = [*range(step, width, step), width]
    best: int = min(options, key=lambda option: (abs(option - wanted), -option))
    return best


def weights(net: nn.Module) -> int:
    """Weights of convolutions and matrices. One less is at least one multiplication less."""
    return sum(p.numel() for p in net.parameters() if p.ndim > 1)


def _graph(model: Model) -> Any:
    """Who feeds whom, as torch-pruning sees it. Not its high-level pruners: their default arguments are shared."""
    from torch_pruning import DependencyGraph  # 1 s of imports

    model.net.requires_grad_(True)
    graph = DependencyGraph()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph.build_dependency(model.net, model.example(), verbose=False)
    if graph.unwrapped_parameters:
        raise Failure("unsupported", "pruning cannot follow parameters outside of layers")
    return graph


def _groups(graph: Any, head: nn.Module) -> Iterator[Group]:
    for found in graph.get_all_groups(ignored_layers=[head]):
        root = found[0].dep.target.module
        yield Group(root, graph.get_out_channels(root), [s for item in found for s in _slices(graph, item)])


def _slices(graph: Any, item: Any) -> Iterator[Slice]:
    layer = item.dep.target.module
    if not isinstance(layer, nn.Module) or not any(True for _ in layer.parameters()):
        return
    grouped = getattr(layer, "groups", 1) not in (1, getattr(layer, "out_channels", 1))
    if not isinstance(layer, LAYERS) or grouped:
        raise Failure("unsupported", f"pruning cannot cut {layer}")
    makes = item.dep.handler == graph.get_pruner_of_module(layer).prune_out_channels
    dim = 0 if makes else 1
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, nn.Parameter)
    entries = weight.shape[dim]
    channels = torch.full((entries,), -1)
    channels[torch.tensor(item.idxs)] = torch.tensor(item.root_idxs)
    yield Slice(weight, dim, channels)
    if makes and isinstance(bias, nn.Parameter):
        yield Slice(bias, 0, channels)


def _scores(importance: Importance, group: Group) -> Tensor:
    scores = importance.score(group.slices, group.width)
    assert scores.shape == (group.width,), f"{type(importance).__name__} gave {tuple(scores.shape)} for {group.width}"
    if not scores.isfinite().all():
        raise Failure("unexpected", f"{type(importance).__name__} gave scores that are not finite")
    return scores


def _gradients(net: nn.Module, lab: Lab) -> None:
    """Of the task's loss over a few training batches, the same for the same seed; batch norms stay as they are."""
    net.to(lab.device).eval()
    net.zero_grad(set_to_none=True)
    for place, batch in enumerate(lab.batches(GRADIENT_BATCH, epoch=0)):
        if place == GRADIENT_BATCHES:
            break
        F.cross_entropy(net(batch.x) / SOFTNESS, batch.y).backward()  # type: ignore[no-untyped-call]
    net.to("cpu")


def _check(model: Model, before: int) -> None:
    """After a cut: fewer multiplications, a forward pass that works, all classes."""
    if weights(model.net) >= before:
        raise Failure("no_effect", "channels were cut, yet no weight went with them")
    with torch.inference_mode():
        logits = model.net.eval()(torch.ones(2, *model.inputs))
    if logits.shape != (2, model.classes) or not logits.isfinite().all():
        raise Failure("unsupported", f"after the cut the network answers {tuple(logits.shape)}, not finite classes")
