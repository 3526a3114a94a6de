"""A network as a graph of what it computes, with its batch norms folded away: grids can be put between its parts."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from autocompress.errors import Failure

FOLDS: dict[type[nn.Module], Callable[..., nn.Module]] = {nn.Conv2d: fuse_conv_bn_eval, nn.Linear: fuse_linear_bn_eval}


class Tracer(fx.Tracer):
    """Remembers what each module gives, and where following failed."""

    def __init__(self) -> None:
        super().__init__()
        self.gives: dict[str, fx.Node] = {}
        self.stuck = ""

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        name = self.path_of_module(m)
        try:
            given = super().call_module(m, forward, args, kwargs)
        except Exception:
            self.stuck = self.stuck or name  # the innermost
            raise
        if isinstance(given, fx.Proxy):
            self.gives[name] = given.node
        return given


def traced(net: nn.Module, example: Tensor) -> tuple[fx.GraphModule, dict[str, fx.Node]]:
    """The network, in use and not in training, and what each of its modules gives. It shares its layers with `net`."""
    tracer = Tracer()
    try:
        graph = tracer.trace(net.eval())
    except Exception as error:  # it is anybody's code
        reason = str(error).strip().partition("\n")[0]
        where = (
            f"in {tracer.stuck} ({type(net.get_submodule(tracer.stuck)).__name__})" if tracer.stuck else "in forward"
        )
        raise Failure("unsupported", f"no grids can be put into this network: {where}: {reason}") from error
    for node in graph.find_nodes(op="call_method", target="view"):
        node.target = "reshape"  # what comes from a grid may lie otherwise in memory
    whole = fx.GraphModule(net, graph)
    Sizes(whole).run(example)
    _fold(whole, tracer.gives)
    return whole.eval(), tracer.gives


class Sizes(fx.Interpreter):
    """Notes at each step of a graph how many dimensions it gives: only numbers that are not whole have any."""

    def run_node(self, n: fx.Node) -> Any:
        with torch.no_grad():
            given = super().run_node(n)
        n.meta["dims"] = given.ndim if isinstance(given, Tensor) and given.is_floating_point() else 0
        return given


def module_of(node: fx.Node) -> nn.Module | None:
    """What a step of a graph calls, if that is a module."""
    return node.graph.owning_module.get_submodule(str(node.target)) if node.op == "call_module" else None  # type: ignore[union-attr]


def _fold(whole: fx.GraphModule, gives: dict[str, fx.Node]) -> None:
    """Batch norms go into the layer before them; one that has none becomes a convolution of each channel alone."""
    calls = [node.target for node in whole.graph.nodes if node.op == "call_module"]
    for node in list(_norms(whole.graph)):
        norm, before = module_of(node), node.args[0]
        assert isinstance(norm, _BatchNorm)
        assert isinstance(before, fx.Node)
        layer = module_of(before)
        once = calls.count(node.target) == calls.count(before.target) == 1 and len(before.users) == 1
        if layer is not None and type(layer) in FOLDS and once:
            whole.set_submodule(str(before.target), FOLDS[type(layer)](layer, norm).requires_grad_())
            node.replace_all_uses_with(before)
            whole.graph.erase_node(node)
            gives.update({name: before for name, given in gives.items() if given is node})
        elif node.meta["dims"] == 4:
            whole.set_submodule(str(node.target), _alone(norm))
    whole.delete_all_unused_submodules()
    whole.recompile()


def _norms(graph: fx.Graph) -> Iterator[fx.Node]:
    for node in graph.nodes:
        norm = module_of(node)
        if isinstance(norm, _BatchNorm) and norm.running_mean is not None:
            yield node


def _alone(norm: _BatchNorm) -> nn.Conv2d:
    channels = norm.num_features
    same = nn.Conv2d(channels, channels, 1, groups=channels, bias=False)
    nn.init.ones_(same.weight)
    return fuse_conv_bn_eval(same.eval(), norm).requires_grad_()
