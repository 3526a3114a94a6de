"""Numbers on a grid: whole multiples of a step, with 0 always among them. How long the step is can be learned."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOWER = 0.1  # how fast a step learns, next to weights
SMALLEST = 1e-8  # step
FINEST = 1 / 16  # of the step as it was found: a channel that dies while it learns would make its own infinitely small
TRIED = 41  # steps, before one is chosen for a row of weights
EIGHT = 127  # runtimes want weights of 8 bits to be symmetric
WEAKEST = 4096  # times weaker than its layer's strongest, a channel has no finer steps: its bias would overflow
LARGEST = 2**30  # steps of a bias: with the sums it is added to it fits into 32 bits


class Grid(nn.Module):
    """Rounds to `low`, `low + 1`, ... `low + span` steps; one step for all, or one for each of the first dimension.

    `unit` is the step as it was found, `times` what learning has made of it: near 1 everywhere, so that one learning
    rate suits all grids. No number beyond `most` is on the grid.
    """

    low: Tensor
    unit: Tensor

    def __init__(self, bits: int, low: int, span: int, steps: tuple[int, ...] = (), most: float = math.inf) -> None:
        super().__init__()
        self.bits, self.span, self.most = bits, span, most
        self.register_buffer("low", torch.tensor(low))
        self.register_buffer("unit", torch.ones(steps))
        self.times = nn.Parameter(torch.ones(steps))

    @classmethod
    def of_activations(cls, bits: int, most: float = math.inf) -> "Grid":
        return cls(bits, 0, 2**bits - 1, most=most)

    @classmethod
    def of_weights(cls, bits: int, channels: int) -> "Grid":
        low = max(-EIGHT, -(2 ** (bits - 1)))
        return cls(bits, low, 2 ** (bits - 1) - 1 - low, (channels,))

    @property
    def step(self) -> Tensor:
        return (self.unit * self.times.clamp(min=FINEST)).clamp(SMALLEST, self.most / self.span)

    def forward(self, x: Tensor) -> Tensor:
        return self.rounded(x)

    def rounded(self, x: Tensor) -> Tensor:
        shape = (-1, *[1] * (x.ndim - 1)) if self.unit.ndim else ()
        pull = SLOWER / (math.sqrt(x[0].numel() * self.span) * self.unit)
        times, step = self.times.view(shape), self.step.detach().view(shape)
        found: Tensor = _Round.apply(x.float(), times, step, self.low, self.span, pull.view(shape))
        return found

    def reach(self, least: float, most: float) -> None:
        """Make the grid of activations go from `least` to `most`, and over 0."""
        least, most = min(least, 0.0), min(max(most, 0.0), self.most)
        unit = max((most - least) / self.span, SMALLEST)
        self.unit.fill_(unit)
        self.low.fill_(round(least / unit))

    def suit(self, weight: Tensor) -> None:
        """Of some steps for each row of weights, take the one that changes them least, by the sum of squares."""
        rows, high = weight.detach().flatten(1), self.low + self.span
        widest = rows.abs().amax(1, keepdim=True) / high
        widest = widest.clamp(min=max(float(widest.max()) / WEAKEST, SMALLEST))
        best, least = widest, torch.full_like(widest, math.inf)
        for share in torch.linspace(1.2, 0.2, TRIED, device=rows.device):
            step = widest * share
            change = ((rows / step).round().clamp(self.low, high) * step - rows).square().sum(1, keepdim=True)
            best, least = torch.where(change < least, step, best), torch.minimum(change, least)
        self.unit.copy_(best.flatten())


class GridConv2d(nn.Conv2d):
    """Convolves with its weights as they are on the grid; `read` is the grid of what it is given."""

    grid: Grid

    def forward(self, x: Tensor, read: Grid | None = None) -> Tensor:
        found: Tensor = self._conv_forward(x, self.grid.rounded(self.weight), biases(self, read))
        return found


class GridLinear(nn.Linear):
    """Multiplies with its weights as they are on the grid; `read` is the grid of what it is given."""

    grid: Grid

    def forward(self, x: Tensor, read: Grid | None = None) -> Tensor:
        return F.linear(x, self.grid.rounded(self.weight), biases(self, read))


Layer = GridConv2d | GridLinear
GRIDDED: dict[type[nn.Module], type[nn.Module]] = {nn.Conv2d: GridConv2d, nn.Linear: GridLinear}


def put_on_grid(layer: nn.Module, bits: int) -> None:
    """From now on the layer rounds its weights. All its settings stay, so only its class changes."""
    layer.__class__ = GRIDDED[type(layer)]
    assert isinstance(layer, Layer)
    layer.grid = Grid.of_weights(bits, len(layer.weight))


def biases(layer: Layer, read: Grid | None) -> Tensor | None:
    """In steps of the sums that are made from whole numbers: integer arithmetic has no finer ones, and with few bits
    they are coarse."""
    if layer.bias is None or read is None:
        return layer.bias
    step = (layer.grid.step * read.step).detach()
    return layer.bias + ((layer.bias / step).round().clamp(-LARGEST, LARGEST) * step - layer.bias).detach()


def gridded(net: nn.Module) -> dict[str, Layer]:
    """By name, the layers whose weights are on grids."""
    return {name: layer for name, layer in net.named_modules() if isinstance(layer, Layer)}


def bits_of(net: nn.Module) -> float:
    """Of each number in filters and matrices, on average."""
    many = {layer.weight: layer.grid.bits for layer in gridded(net).values()}
    weights = [p for p in net.parameters() if p.ndim > 1]
    return sum(p.numel() * many.get(p, 32) for p in weights) / sum(p.numel() for p in weights)


class _Round(torch.autograd.Function):
    """To the nearest number on the grid (Esser et al. 2020, arXiv 1902.08153). Gradients go straight through, but not
    to what lies beyond the ends; the step's is how much the rounded number moves with it, times `pull`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, times: Tensor, step: Tensor, low: Tensor, span: int, pull: Tensor) -> Tensor:
        steps = x / step
        ctx.save_for_backward(steps, low, pull)
        ctx.span = span
        return steps.round().clamp_(low, low + span).mul_(step)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        steps, low, pull = ctx.saved_tensors
        rounded = steps.round().clamp_(low, low + ctx.span)
        inside = (steps >= low) & (steps <= low + ctx.span)
        moves = rounded.sub_(steps * inside).mul_(grad)
        return grad * inside, moves.sum_to_size(pull.shape) * pull, None, None, None, None
