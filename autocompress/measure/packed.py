"""What a file weighs once its zeros and spare bits are packed away: bytes of flash, never time."""

import lzma
from pathlib import Path
from typing import NamedTuple

import onnx
from onnx import TensorProto, numpy_helper

from autocompress.measure.stored import NARROW, bits
from autocompress.values.measurement import Measurement

WINDOW = 2**17  # bytes that LZMA looks back, and that whoever unpacks it has to hold; weights gain nothing by more


class Weights(NamedTuple):
    """One filter bank or matrix of a file."""

    many: int
    zeros: int
    bits: int  # of each, as the file holds it
    needed: int  # of each, so that the layer's values fit

    @property
    def dense(self) -> int:
        """Bytes in the file."""
        return _bytes(self.many * self.bits)

    @property
    def short(self) -> int:
        """Bytes with no spare bits."""
        return _bytes(self.many * self.needed)

    @property
    def masked(self) -> int:
        """Bytes for one bit per weight, and the values that are not 0."""
        return _bytes(self.many) + _bytes((self.many - self.zeros) * self.needed)

    @property
    def packed(self) -> int:
        return min(self.dense, self.short, self.masked)


def packed(file: Path) -> tuple[Measurement, ...]:
    """sparsity and size_packed of an exported file."""
    found = weights(file)
    zeros, many = sum(w.zeros for w in found), sum(w.many for w in found)
    saved = sum(w.dense - w.packed for w in found)
    return (
        Measurement(metric="sparsity", value=zeros / max(many, 1), how="counted", on=f"{many} weights of {file.name}"),
        Measurement(
            metric="size_packed",
            value=file.stat().st_size - saved,
            how="counted",
            on=file.name,
            note="for a runtime that holds weights in the bits they need, or a bit per weight and those that are not 0",
        ),
    )


def compressed(file: Path) -> Measurement:
    """size_lzma of a file: takes half a second per megabyte."""
    size = len(squeezed(file.read_bytes()))
    return Measurement(
        metric="size_lzma", value=size, how="measured", on=file.name, note="has to be unpacked before it runs"
    )


def weights(file: Path) -> list[Weights]:
    """Of an ONNX file: all numbers in two dimensions or more. Integers are symmetric here: their 0 means 0."""
    held = [i for i in onnx.load(file).graph.initializer if len(i.dims) > 1]
    return [_weights(tensor) for tensor in held]


def squeezed(content: bytes) -> bytes:
    """As `xz --lzma2=preset=9e,dict=128KiB` would."""
    best = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": WINDOW}
    return lzma.compress(content, format=lzma.FORMAT_XZ, filters=[best])


def _weights(tensor: TensorProto) -> Weights:
    values = numpy_helper.to_array(tensor)
    held = NARROW.get(tensor.data_type, 8 * values.itemsize)
    return Weights(values.size, int((values == 0).sum()), held, bits(tensor))


def _bytes(bits: int) -> int:
    return -(-bits // 8)
