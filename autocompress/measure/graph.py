"""What a deployed file asks of a device: its operations one after the other, with shapes and bytes, as plain data."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

Kind = Literal[
    "conv2d",
    "pointwise",
    "depthwise_conv2d",
    "linear",
    "matmul",
    "add",
    "mul",
    "relu",
    "relu6",
    "hard_swish",
    "sigmoid",
    "softmax",
    "avg_pool2d",
    "max_pool2d",
    "global_avg_pool",
    "batch_norm",
    "concat",
    "pad",
    "reshape",
    "transpose",
    "other",
]
CONVOLUTIONS: tuple[Kind, ...] = ("conv2d", "pointwise", "depthwise_conv2d")

Shape = tuple[int, ...]


class Tensor(NamedTuple):
    """Numbers that one operation leaves for others, for one image. Maps are (1, channels, height, width)."""

    shape: Shape
    bits: int = 32

    @property
    def bytes(self) -> int:
        return -(-math.prod(self.shape) * self.bits // 8)


@dataclass(frozen=True)
class Operation:
    """One step as the runtime takes it: quantization and activations that it does on the way are part of it."""

    kind: Kind
    name: str
    reads: tuple[str, ...]  # tensors, not weights
    writes: tuple[str, ...]
    shape_in: Shape = ()  # of the first tensor that it reads
    shape_out: Shape = ()  # of the first that it writes
    macs: int = 0
    weights: int = 0  # numbers that it owns, biases among them
    weight_bytes: int = 0
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    groups: int = 1
    activation: str = ""  # that is done on the way
    bits: int = 32  # of the widest number among those it reads and writes: 8 means that it runs as integers

    @property
    def channels(self) -> tuple[int, int]:
        """Coming in and going out."""
        before, after = (s[1] if len(s) == 4 else s[-1] if s else 1 for s in (self.shape_in, self.shape_out))
        return before, after


@dataclass(frozen=True)
class Graph:
    """A file for one image: operations in the order in which they run."""

    operations: tuple[Operation, ...]
    tensors: MappingProxyType[str, Tensor] = field(hash=False)
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    source: Path | None = field(default=None, compare=False)  # the file it was read from, for tools that want that

    @property
    def macs(self) -> int:
        return sum(operation.macs for operation in self.operations)

    @property
    def weight_bytes(self) -> int:
        return sum(operation.weight_bytes for operation in self.operations)

    def moved(self, operation: Operation) -> int:
        """Bytes that an operation reads and writes, its weights among them."""
        return sum(self.tensors[name].bytes for name in (*operation.reads, *operation.writes)) + operation.weight_bytes

    def in_bits(self, bits: int) -> "Graph":
        """The same graph if all its tensors and filters had so many bits: what quantizing would make of it. There is no
        such file."""
        tensors = {name: tensor._replace(bits=bits) for name, tensor in self.tensors.items()}
        operations = tuple(
            replace(o, bits=bits, weight_bytes=_stored(o, bits) if o.weights else 0) for o in self.operations
        )
        return replace(self, operations=operations, tensors=MappingProxyType(tensors), source=None)


def _stored(operation: Operation, bits: int) -> int:
    """Filters in few bits; biases stay at 32."""
    (before, after), (high, wide) = operation.channels, operation.kernel
    filters = before // operation.groups * after * high * wide
    biases = max(operation.weights - filters, 0)
    return -(-(operation.weights - biases) * bits // 8) + 4 * biases
