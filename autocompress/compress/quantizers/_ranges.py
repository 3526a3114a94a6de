"""What every tensor of an ONNX graph spans on some examples, with few of them in memory at once."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto

Way = Literal["minmax", "average", "percentile"]
Floats = NDArray[np.float32]

ROOM = 2**26  # bytes that tensors may take up at a time; those of one example always may
GROUP = 16  # examples of which `average` takes the extremes; those of single ones are too near
OUTSIDE = 1e-5  # the share of values that `percentile` leaves out: 99.999 % are in


class Span(ABC):
    """Of one tensor, as it is seen piece by piece: a row per example."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf

    @abstractmethod
    def see(self, x: Floats) -> None: ...

    @property
    def range(self) -> tuple[float, float]:
        return self.low, self.high


class MinMax(Span):
    """From the least to the greatest of all values."""

    def see(self, x: Floats) -> None:
        self.low, self.high = min(self.low, float(x.min())), max(self.high, float(x.max()))


class Average(Span):
    """From the least to the greatest value of `GROUP` examples, on average."""

    def __init__(self) -> None:
        super().__init__()
        self.each: list[Floats] = []

    def see(self, x: Floats) -> None:
        self.each.append(np.stack([x.min(1), x.max(1)]))

    @property
    def range(self) -> tuple[float, float]:
        low, high = np.concatenate(self.each, axis=1)
        starts = range(0, len(low), GROUP)
        return float(np.minimum.reduceat(low, starts).mean()), float(np.maximum.reduceat(high, starts).mean())


class Percentile(Span):
    """As far from 0 as the values go of which at most one in 100 000 is further away. Exact: it remembers the largest,
    as many as all `examples` together may leave out, and one more."""

    def __init__(self, examples: int) -> None:
        super().__init__()
        self.examples, self.seen = examples, 0
        self.largest = np.zeros(0, np.float32)

    def see(self, x: Floats) -> None:
        self.low, self.high = min(self.low, float(x.min())), max(self.high, float(x.max()))
        self.seen += x.size
        many = 1 + int(OUTSIDE * x[0].size * self.examples)
        size = np.abs(x.reshape(-1))
        if len(self.largest) >= many:
            size = size[size > self.largest.min()]
        both = np.concatenate([self.largest, size])
        self.largest = np.partition(both, len(both) - many)[-many:] if len(both) > many else both

    @property
    def range(self) -> tuple[float, float]:
        far = float(np.sort(self.largest)[-1 - int(OUTSIDE * self.seen)])
        return max(self.low, -far), min(self.high, far)


def ranges(model: ModelProto, batches: Iterable[Floats], way: Way, examples: int) -> dict[str, tuple[float, float]]:
    """By the name of the tensor: the input, and whatever a node gives. `model` knows its tensors' types; `batches` hold
    at most `examples` in all."""
    every = (*model.graph.value_info, *model.graph.output)
    names = [value.name for value in every if value.type.tensor_type.elem_type == TensorProto.FLOAT]
    name = model.graph.input[0].name
    session = _open(model, names)
    spans = {each: _span(way, examples) for each in (name, *names)}
    many = 1
    for batch in batches:
        place = 0
        while place < len(batch):
            piece = batch[place : place + many]
            place += many
            found = [piece, *session.run(names, {name: piece})]
            for span, x in zip(spans.values(), found, strict=True):
                span.see(x.reshape(len(piece) if x.size % len(piece) == 0 else 1, -1))
            many = max(1, ROOM * len(piece) // sum(x.nbytes for x in found))
            del found, x
    return {each: span.range for each, span in spans.items()}


def _span(way: Way, examples: int) -> Span:
    if way == "percentile":
        return Percentile(examples)
    return Average() if way == "average" else MinMax()


def _open(model: ModelProto, names: list[str]) -> Any:
    """A session that gives all these tensors."""
    import onnxruntime

    watched = ModelProto()
    watched.CopyFrom(model)
    asked = {*names} - {value.name for value in model.graph.output}
    watched.graph.output.extend(value for value in model.graph.value_info if value.name in asked)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the same sums each time
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
