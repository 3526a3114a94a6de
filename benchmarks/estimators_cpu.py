"""Latency of ONNX Runtime on a CPU, learned from other nets than those that are asked for."""

import csv
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from estimators_tiny import DATA

from autocompress.measure.estimators._layer import Layer
from autocompress.measure.estimators.convolutions import Point, _fit
from autocompress.measure.estimators.layer_table import read as table_of
from autocompress.measure.estimators.layer_table import resembling


class Timed(NamedTuple):
    family: str
    layers: tuple[Layer, ...]
    seconds: float


def nets(bits: int) -> list[Timed]:
    with (DATA / "ort_nets.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (DATA / "ort_nets_layers.csv").open(newline="") as stream:
        parts = [(row.pop("net"), row) for row in csv.DictReader(stream)]
    words = ("op", "activation")
    found: dict[str, list[Layer]] = {}
    for net, row in parts:
        layer = Layer(**{k: v if k in words else int(v) for k, v in row.items()})
        found.setdefault(net, []).append(layer._replace(bits=bits))
    column = "float_seconds" if bits == 32 else "int8_seconds"
    return [Timed(row["family"], tuple(found[row["net"]]), float(row[column])) for row in rows]


Learner = Callable[[Sequence[Timed]], Callable[[Timed], float]]


def by_macs(round_to: int) -> Learner:
    def learn(seen: Sequence[Timed]) -> Callable[[Timed], float]:
        def work(net: Timed) -> float:
            return float(sum(layer.padded(round_to) for layer in net.layers))

        took = np.array([net.seconds for net in seen])
        design = np.array([[work(net), 1.0] for net in seen]) / took[:, None]
        slope, fixed = np.linalg.lstsq(design, np.ones(len(seen)), rcond=None)[0]
        return lambda net: float(slope * work(net) + fixed)

    return learn


def by_convolutions(seen: Sequence[Timed]) -> Callable[[Timed], float]:
    return lambda net: _fit(tuple(Point(n.layers, n.seconds) for n in seen))(net.layers)


def by_table(known: bool) -> Learner:
    """The table of layers with a and b fitted; or without the layers of the net that is asked for."""
    table = table_of(DATA / "ort_layers.csv", 0)

    def total(net: Timed, without: set[Layer]) -> float:
        some = {layer: t for layer, t in table.items() if layer not in without} if without else table
        return sum(some.get(layer) or resembling(layer, some, 3) for layer in net.layers)

    def learn(seen: Sequence[Timed]) -> Callable[[Timed], float]:
        took = np.array([net.seconds for net in seen])
        design = np.array([[total(net, set()), -len(net.layers)] for net in seen]) / took[:, None]
        a, b = np.linalg.lstsq(design, np.ones(len(seen)), rcond=None)[0]

        def tell(net: Timed) -> float:
            mine = {layer for layer in net.layers if layer.macs}
            return float(a * total(net, set() if known else mine) - b * len(net.layers))

        return tell

    return learn


def learned(timed: Sequence[Timed], learn: Learner, many: int, draws: int) -> list[float]:
    """Errors on nets that were not among the `many` it learned from."""
    chance, off = np.random.default_rng(0), []
    for _ in range(draws):
        order = chance.permutation(len(timed))
        tell = learn([timed[i] for i in order[:many]])
        off += [abs(tell(timed[i]) / timed[i].seconds - 1) for i in order[many:]]
    return off
