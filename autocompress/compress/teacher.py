"""Somebody to learn from: a finished network that wants its pixels its own way, and never changes."""

import torch
from torch import Tensor, nn

from autocompress.compress.model import Model
from autocompress.compress.precision import Precision
from autocompress.compress.students.base import Parts, Scale
from autocompress.data.base import Dataset


class Teacher:
    """Called with inputs prepared for the student's data set, it answers for what it would have been shown."""

    def __init__(self, model: Model, key: str, data: Dataset, device: torch.device) -> None:
        self.model, self.key = model, key
        self.net = model.copy().net.eval().requires_grad_(False)
        self.net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._precision = Precision(self.net, model.inputs, device)
        scale = model.scale
        same = scale is None or (scale.mean, scale.std) == (data.mean, data.std)
        self._change = None if scale is None or same else _change(data, scale, device)

    @property
    def parts(self) -> Parts:
        return self.model.parts

    def __call__(self, x: Tensor) -> Tensor:
        if self._change is not None:
            times, plus = self._change
            x = x * times + plus
        with torch.no_grad(), self._precision():
            logits: Tensor = self.net(x)
        return logits.float()


def classifier(teacher: Teacher) -> nn.Module:
    """From embeddings to logits, as a matrix even where the network has a convolution."""
    head = teacher.net.get_submodule(teacher.parts.head)
    if isinstance(head, nn.Linear):
        return head
    assert isinstance(head, nn.Conv2d), head
    matrix = nn.Linear(head.in_channels, head.out_channels, bias=head.bias is not None, device=head.weight.device)
    with torch.no_grad():
        for name, value in head.named_parameters():
            matrix.get_parameter(name).copy_(value.reshape(matrix.get_parameter(name).shape))
    return matrix.requires_grad_(False)


def _change(data: Dataset, wanted: Scale, device: torch.device) -> tuple[Tensor, Tensor]:
    """From the data set's scale to another: (x * s + m - mean) / std, as one product and one sum."""

    def column(values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64).reshape(1, -1, 1, 1)

    times = column(data.std) / column(wanted.std)
    plus = (column(data.mean) - column(wanted.mean)) / column(wanted.std)
    return times.float().to(device), plus.float().to(device)
