"""How much memory the tensors of a graph need at once, planned as TensorFlow Lite and its microcontroller twin do it.

Every tensor lives from the operation that writes it to the last that reads it. The largest is placed first, each at
the lowest address where it overlaps none that lives at the same time (Pisarchyk and Lee 2020, arXiv 2001.03288).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from math import ceil
from types import MappingProxyType
from typing import Literal, NamedTuple

from autocompress.measure.graph import CONVOLUTIONS, Graph, Kind, Operation, Tensor

ALIGNED = 16  # bytes
Scratch = Literal["none", "cmsis-dsp", "cmsis-mve"]
Planner = Literal["tflite-micro", "tflite"]


class Buffer(NamedTuple):
    """Memory that is needed from one step to another, both included."""

    name: str
    size: int
    first: int
    last: int

    def meets(self, other: "Buffer") -> bool:
        return self.first <= other.last and other.first <= self.last


def buffers(
    graph: Graph, *, input_kept: bool = False, in_place: Collection[Kind] = (), scratch: Scratch = "none"
) -> list[Buffer]:
    """What has to be placed. `in_place`: kinds of operations that may write over a tensor nobody reads any more."""
    end = len(graph.operations) - 1
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, end if input_kept else 0)
    for step, operation in enumerate(graph.operations):
        first.update(dict.fromkeys(operation.writes, step))
        last.update(dict.fromkeys((*operation.reads, *operation.writes), step))
    if input_kept:
        last.update(dict.fromkeys(graph.inputs, end))
    last.update(dict.fromkeys(graph.outputs, end))
    sizes = {name: _aligned(graph.tensors[name].bytes) for name in first}
    _share(graph, in_place, sizes, first, last)
    found = [Buffer(name, sizes[name], first[name], last[name]) for name in first]
    need = SCRATCH[scratch]
    for step, operation in enumerate(graph.operations):
        extra = need(operation)
        if operation.kind == "depthwise_conv2d" and "depthwise_conv2d" in in_place:
            extra += graph.tensors[operation.writes[0]].bytes // operation.channels[1]  # one channel at a time
        if extra:
            found.append(Buffer(f"scratch of {operation.name}", _aligned(extra), step, step))
    return found


def _share(
    graph: Graph, in_place: Collection[Kind], sizes: dict[str, int], first: dict[str, int], last: dict[str, int]
) -> None:
    """An output moves into the input that dies there; the two are one buffer from then on, under the older name."""
    held = {name: name for name in sizes}
    for step, operation in enumerate(graph.operations):
        if operation.kind not in in_place:
            continue
        (written,) = operation.writes
        for name in operation.reads:
            home = held[name]
            if last[home] == step and sizes[home] == sizes[written]:
                held[written], last[home] = home, last[written]
                del sizes[written], first[written], last[written]
                break


def most_alive(found: Iterable[Buffer]) -> int:
    """Bytes that live at one step, at most: no plan can do with less."""
    found = list(found)
    steps = {buffer.first for buffer in found}
    return max((sum(b.size for b in found if b.first <= step <= b.last) for step in steps), default=0)


def place(found: Iterable[Buffer], planner: Planner = "tflite-micro") -> dict[str, int]:
    """Where each buffer begins. Planners differ in the order of what has one size: the smaller runtime begins with what
    is written last, its elder with what is written first, and puts what lives all the time before everything."""
    found = list(found)
    end = max((buffer.last for buffer in found), default=0)

    def rank(buffer: Buffer) -> tuple[bool, int, int, str]:
        if planner == "tflite-micro":
            return False, -buffer.size, -buffer.first, buffer.name
        always = (buffer.first, buffer.last) == (0, end)
        return not always, -buffer.size, buffer.first, buffer.name

    placed: list[tuple[int, Buffer]] = []
    for buffer in sorted(found, key=rank):
        start = 0
        for begins, other in sorted((begins, other) for begins, other in placed if other.meets(buffer)):
            if begins - start >= buffer.size:
                break
            start = max(start, begins + other.size)
        placed.append((start, buffer))
    return {buffer.name: start for start, buffer in placed}


def height(found: Iterable[Buffer], planner: Planner = "tflite-micro") -> int:
    """Bytes of the plan from its lowest address to its highest."""
    found = list(found)
    places = place(found, planner)
    return max((places[b.name] + b.size for b in found), default=0)


def padded(graph: Graph) -> Graph:
    """As a .tflite has it, which pads only so much that the last window fits: other lines of zeros are an operation."""
    tensors, operations = dict(graph.tensors), []
    for operation in graph.operations:
        if not any(operation.pads) or operation.pads == _same(operation):
            operations.append(operation)
            continue
        top, left, bottom, right = operation.pads
        *front, high, wide = operation.shape_in
        shape = (*front, high + top + bottom, wide + left + right)
        name = f"padded for {operation.name}"
        tensors[name] = Tensor(shape, graph.tensors[operation.reads[0]].bits)
        pad = Operation("pad", name, operation.reads, (name,), operation.shape_in, shape, bits=operation.bits)
        operations += [pad, replace(operation, reads=(name,), shape_in=shape, pads=(0, 0, 0, 0))]
    return replace(graph, operations=tuple(operations), tensors=MappingProxyType(tensors))


def _same(operation: Operation) -> tuple[int, ...]:
    """The zeros that TensorFlow's SAME puts around: as few as do, the odd one at the far end."""
    around = [
        max((ceil(side / stride) - 1) * stride + kernel - side, 0)
        for side, stride, kernel in zip(operation.shape_in[2:], operation.stride, operation.kernel, strict=True)
    ]
    return (*(n // 2 for n in around), *(n - n // 2 for n in around))


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def _none(operation: Operation) -> int:
    return 0


def _cmsis_dsp(operation: Operation) -> int:
    """Two columns of the image as matrix, in 16 bits."""
    return 2 * (-(-_window(operation) // 4) * 4) * 2 if operation.kind == "conv2d" else 0


def _cmsis_mve(operation: Operation) -> int:
    """Four columns, in 8 bits."""
    return 4 * 16 * ceil(_window(operation) / 16) if operation.kind == "conv2d" else 0


def _window(operation: Operation) -> int:
    high, wide = operation.kernel
    return high * wide * operation.channels[0] // operation.groups


SCRATCH: Mapping[Scratch, Callable[[Operation], int]] = {
    "none": _none,
    "cmsis-dsp": _cmsis_dsp,
    "cmsis-mve": _cmsis_mve,
}


def channels(graph: Graph) -> int:
    """Channels that convolutions write: TensorFlow Lite Micro keeps a multiplier and a shift for each."""
    return sum(operation.channels[1] for operation in graph.operations if operation.kind in CONVOLUTIONS)
