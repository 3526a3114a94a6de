"""Graphs for tests, made by hand."""

from itertools import pairwise
from types import MappingProxyType

from autocompress.measure.graph import Graph, Operation, Tensor


def chain(*widths: int, side: int = 8, bits: int = 8) -> Graph:
    """Convolutions of 3 x 3, one after the other, and a matrix."""
    tensors = {f"t{i}": Tensor((1, width, side, side), bits) for i, width in enumerate(widths)}
    operations = [
        Operation(
            "conv2d",
            f"c{i}",
            (f"t{i}",),
            (f"t{i + 1}",),
            tensors[f"t{i}"].shape,
            tensors[f"t{i + 1}"].shape,
            macs=9 * before * after * side**2,
            weights=9 * before * after + after,
            weight_bytes=9 * before * after * bits // 8 + 4 * after,
            kernel=(3, 3),
            pads=(1, 1, 1, 1),
            bits=bits,
        )
        for i, (before, after) in enumerate(pairwise(widths))
    ]
    return Graph(tuple(operations), MappingProxyType(tensors), ("t0",), (f"t{len(widths) - 1}",))


class Builder:
    """Quantized graphs of maps, operation by operation, padded as TensorFlow does."""

    def __init__(self, channels: int, side: int) -> None:
        self.tensors = {"t0": Tensor((1, channels, side, side), 8)}
        self.operations: list[Operation] = []

    def conv(self, before: str, after: int, kernel: int = 3, stride: int = 1, depthwise: bool = False) -> str:
        _, channels, side, _ = self.tensors[before].shape
        out = -(-side // stride)
        kind = "depthwise_conv2d" if depthwise else "pointwise" if kernel == 1 else "conv2d"
        groups = channels if depthwise else 1
        macs = out * out * after * channels // groups * kernel**2
        more = {"macs": macs, "kernel": (kernel, kernel), "stride": (stride, stride), "groups": groups}
        return self._add(kind, (before,), (1, after, out, out), **more)

    def add(self, *both: str) -> str:
        return self._add("add", both, self.tensors[both[0]].shape)

    def head(self, before: str, classes: int) -> Graph:
        width = self.tensors[before].shape[1]
        pooled = self._add("global_avg_pool", (before,), (1, width, 1, 1))
        out = self._add("linear", (pooled,), (1, classes), macs=width * classes)
        return Graph(tuple(self.operations), MappingProxyType(self.tensors), ("t0",), (out,))

    def _add(self, kind, reads, shape, **more) -> str:
        name = f"t{len(self.tensors)}"
        self.tensors[name] = Tensor(shape, 8)
        self.operations.append(
            Operation(kind, name, reads, (name,), self.tensors[reads[0]].shape, shape, **more, bits=8)
        )
        return name


def resnet8(width: int) -> Graph:
    """Image classification of MLPerf Tiny; the large one of 2026 has a width of 40."""
    net = Builder(3, 32)
    x = net.conv("t0", width)
    for stage in range(3):
        after, stride = width * 2**stage, 1 if stage == 0 else 2
        y = net.conv(net.conv(x, after, stride=stride), after)
        x = net.add(y, x if stage == 0 else net.conv(x, after, 1, stride))
    return net.head(x, 10)


def visual_wake_words() -> Graph:
    """MobileNetV1, width 0.25, for 96 x 96."""
    net = Builder(3, 96)
    x, width = net.conv("t0", 8, stride=2), 8
    for times, stride in ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *[(16, 1)] * 5, (32, 2), (32, 1)):
        x = net.conv(net.conv(x, width, 3, stride, depthwise=True), 8 * times, 1)
        width = 8 * times
    return net.head(x, 2)
