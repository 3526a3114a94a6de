"""The networks of MLPerf Tiny as graphs, built from their descriptions: what published numbers are about."""

import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from autocompress.compress.students.base import Student
from autocompress.measure.export import to_onnx
from autocompress.measure.graph import Graph
from autocompress.measure.graph_of_file import read
from autocompress.plugin import make

DATA = Path(__file__).parent / "data"
NOTHING_SAID = {"error": {"p90": "0 %"}}  # an estimator wants to know how wrong it is; that is the question here


class MobileNetV1(nn.Sequential):
    """Visual wake words: width 0.25, 96 x 96, padded as TensorFlow does."""

    def __init__(self) -> None:
        parts: list[nn.Module] = [_Conv(3, 8, 3, 2)]
        before = 8
        for times, stride in ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *[(16, 1)] * 5, (32, 2), (32, 1)):
            parts += [_Conv(before, before, 3, stride, before), _Conv(before, 8 * times, 1, 1)]
            before = 8 * times
        super().__init__(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 2))


class _Conv(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv(F.pad(x, (0, 1, 0, 1)) if self.conv.stride[0] == 2 else x))


def autoencoder() -> nn.Module:
    """Anomaly detection: ten matrices."""
    widths = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
    pairs = pairwise(widths)
    layers = [part for a, b in pairs for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def graph_of(net: nn.Module, inputs: tuple[int, int, int]) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.onnx"
        to_onnx(net, inputs, file)
        return read(file).in_bits(8)


@cache
def references() -> dict[str, Graph]:
    def student(inputs: tuple[int, int, int], classes: int, **settings: object) -> Graph:
        return graph_of(make(Student, settings).build(inputs, classes), inputs)

    return {
        "ic": student((3, 32, 32), 10, use="resnet", depth=8),
        "ic02": student((3, 32, 32), 10, use="resnet", depth=8, width=40),
        "vww": graph_of(MobileNetV1(), (3, 96, 96)),
        "kws": student((1, 49, 10), 12, use="dscnn", kernel=(10, 4)),
        "ad": graph_of(autoencoder(), (1, 1, 640)),
    }
