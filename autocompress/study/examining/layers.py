"""The layers of a model: what was cut from each, in how many bits it is left, and how its weights have changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from torch import Tensor

from autocompress.compress.explain.filters import Filters, filters, folded, order
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.measure.counted import FLOAT, layer_macs
from autocompress.measure.stored import NARROW, bits, of_layers
from autocompress.plugin import make
from autocompress.values.examination import Histogram, Layer

BINS = ((24, 33), (60, 17))  # up to so many layers, so many bins; odd, so that one has 0 in its middle
FEWEST = 9


class Stored(NamedTuple):
    """The weights of one layer in a file."""

    bits: int  # that they need
    bytes: int


def layers(model: Model, file: Path | None, base: Model | None, before: Model | None) -> tuple[Layer, ...]:
    """In the order of the network. `file` is one that shows its layers; `before` is this model with other weights."""
    net = filters(model.net)
    uncut = _uncut(model)
    theirs = filters(base.net) if base is not None and same_architecture(model, base) else {}
    macs = layer_macs(model.net, model.inputs)
    told = make(Quantizer, model.quantizer).layer_bits(model.net) if model.quantizer else {}
    held = stored(file, [(name, net[name]) for name in order(model) if name in net]) if file else {}
    earlier = {} if before is None else folded(before) if model.gridded else filters(before.net)
    many = next((bins for most, bins in BINS if len(net) <= most), FEWEST)
    found = []
    for name, one in net.items():
        weight_bits, activation_bits = told.get(name, FLOAT)
        if name in held:
            activation_bits = FLOAT[1] if held[name].bits == FLOAT[0] else activation_bits
            weight_bits = held[name].bits
        found.append(
            Layer(
                name=name,
                kind=one.kind,
                before=uncut[name].channels if name in uncut else None,
                after=one.channels,
                baseline=theirs[name].channels if name in theirs else None,
                weights=one.weights.numel(),
                nonzero=int(torch.count_nonzero(one.weights)),
                macs=macs.get(name, 0),
                weight_bits=weight_bits,
                activation_bits=activation_bits,
                stored_bytes=held[name].bytes if name in held else None,
                histogram=_histogram(earlier.get(name), one, many),
            )
        )
    return tuple(found)


def same_architecture(model: Model, other: Model) -> bool:
    """Built of layers of the same names and kinds by one family: they differ in widths alone."""
    mine, theirs = ({name: one.kind for name, one in _uncut(each).items()} for each in (model, other))
    return model.student["use"] == other.student["use"] and mine == theirs


def _uncut(model: Model) -> dict[str, Filters]:
    """As its student was built."""
    return filters(Model.fresh(model.student, model.inputs, model.classes, seed=0).net)


def stored(file: Path, known: list[tuple[str, Filters]]) -> dict[str, Stored]:
    """By name, as far as the layers of a file, which have none, follow each other as those of the network do."""
    found: dict[str, Stored] = {}
    held = _held(file)
    for name, one in known:
        shape = tuple(one.weights.shape)
        for dims, each in held:
            if dims in (shape, shape[::-1] if len(shape) == 2 else shape):
                found.setdefault(name, each)
                break
        else:
            break
    return found


def _held(file: Path) -> Iterator[tuple[tuple[int, ...], Stored]]:
    for _, tensor in of_layers(onnx.load(file).graph):
        values = onnx.numpy_helper.to_array(tensor)
        wide = NARROW.get(tensor.data_type, 8 * values.itemsize)
        yield tuple(tensor.dims), Stored(bits(tensor), -(-values.size * wide // 8))


def _histogram(before: Filters | None, after: Filters, bins: int) -> Histogram | None:
    """Edges are shared; what is 0 is not counted, for in a sparse layer nothing else would be seen."""
    some = [after.weights] if before is None else [after.weights, before.weights]
    reach = max(float(weights.abs().max()) for weights in some)
    if not 0 < reach < np.inf:
        return None
    return Histogram(
        reach=reach,
        before=None if before is None else _counted(before.weights, reach, bins),
        after=_counted(after.weights, reach, bins),
    )


def _counted(weights: Tensor, reach: float, bins: int) -> tuple[int, ...]:
    values = weights[weights != 0].double().numpy()
    return tuple(np.histogram(values, bins, (-reach, reach))[0].tolist())
