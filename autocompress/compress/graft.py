"""Put a teacher's classifier on a student's body, which ends with the last stage's map; a projector comes between."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from autocompress.compress.distillers.base import Needs
from autocompress.compress.model import Model
from autocompress.compress.students.base import Parts
from autocompress.compress.taps import Taps
from autocompress.errors import Failure


class Grafted(nn.Module):
    """Body, projector, mean over the map, head. `stages` are the body's but the last: the projector is in its place."""

    def __init__(self, body: nn.Module, before: int, channels: int, classes: int, factor: int, depthwise: bool) -> None:
        super().__init__()
        self.body = body
        self.projector = projector(before, channels, max(1, channels // factor), depthwise)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels, classes)
        self.stages: tuple[str, ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.projector(self.body(x))).flatten(1))
        return logits

    @property
    def parts(self) -> Parts:
        return Parts((*self.stages, "projector"), "head")


def projector(before: int, after: int, middle: int, depthwise: bool) -> nn.Module:
    """No ReLU at the end: not every teacher's maps have one."""
    return nn.Sequential(
        nn.Conv2d(before, middle, 1, bias=False),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, middle, 3, padding=1, groups=middle if depthwise else 1, bias=False),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, after, 1, bias=False),
        nn.BatchNorm2d(after),
    )


def assembled(
    net: nn.Module, parts: Parts, example: Tensor, classes: int, *, channels: int, factor: int, depthwise: bool
) -> Grafted:
    """`net`, whose modules it takes over, with another end. New weights are drawn from torch's global generator."""
    if not parts.stages:
        raise Failure("unsupported", "simkd wants the map of the last stage, and none is known of this student")
    body = net.body if isinstance(net, Grafted) else _until(net, parts.stages[-1])
    assert isinstance(body, nn.Module)
    with torch.no_grad():
        maps = body.eval()(example)
    if maps.ndim != 4:
        raise Failure("unsupported", f"simkd wants a student that makes maps, this one gives {tuple(maps.shape[1:])}")
    grafted = Grafted(body, maps.shape[1], channels, classes, factor, depthwise)
    grafted.stages = net.stages if isinstance(net, Grafted) else tuple(f"body.{name}" for name in parts.stages[:-1])
    return grafted


def graft(model: Model, teacher: Model, seed: int, **settings: Any) -> Model:
    """`model` with the teacher's classifier, which is not to be trained, behind a new projector. An old one goes."""
    model.refuse_on_grids("simkd")
    weight, bias = _classifier(teacher)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shape = {"channels": weight.shape[1], **settings}
        net = assembled(model.copy().net, model.parts, model.example(), model.classes, **shape)
    with torch.no_grad():
        net.head.weight.copy_(weight)
        net.head.bias.copy_(bias)
    net.head.requires_grad_(False)
    backbone = model.student["backbone"] if isinstance(model.net, Grafted) else model.student
    inside = {f"body.{name}" for name, _ in net.body.named_modules()}
    sparse = model.sparse if isinstance(model.net, Grafted) else tuple(f"body.{name}" for name in model.sparse)
    return replace(
        model,
        net=net.eval(),
        student={"use": "grafted", "backbone": backbone, **shape},
        sparse=tuple(name for name in sparse if name in inside),
    )


def _classifier(teacher: Model) -> tuple[Tensor, Tensor]:
    """The teacher's last layer, if all it looks at is the mean of the last map."""
    head = teacher.net.get_submodule(teacher.parts.head)
    assert isinstance(head, nn.Linear | nn.Conv2d), head
    weight = head.weight.detach().flatten(1)
    bias = torch.zeros(len(weight)) if head.bias is None else head.bias.detach()
    x = torch.randn(2, *teacher.inputs, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), Taps(teacher.net, teacher.parts, Needs(features=True)) as taps:
        logits = teacher.net(x)
        last = taps.features[-1] if taps.features else None
    if last is not None and last.ndim == 4 and last.shape[1] == weight.shape[1]:
        again = last.mean((2, 3)) @ weight.T + bias
        if torch.allclose(again, logits, rtol=1e-3, atol=1e-3 * float(logits.abs().max())):
            return weight, bias
    raise Failure(
        "unsupported", "simkd wants a teacher that classifies the mean of its last stage's map, and nothing else"
    )


def _until(net: nn.Module, last: str) -> nn.Module:
    """The part of a network that ends with this module's output, as plain modules under the names they had."""

    class Outermost(fx.Tracer):
        def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
            return not last.startswith(module_qualified_name + ".")

    try:
        graph = Outermost().trace(net)
    except (fx.proxy.TraceError, TypeError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise Failure("unsupported", f"simkd cannot take this student's body apart: {reason}") from error
    for node in reversed(graph.nodes):
        if node.op == "call_module" and node.target == last:
            graph.output(node)
            break
        graph.erase_node(node)
    return fx.GraphModule(net, graph)
