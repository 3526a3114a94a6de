"""What candidates took that were measured says what the next will take, convolution by convolution."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import log2
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autocompress.measure.estimators._layer import Layer, layers
from autocompress.measure.estimators.base import Board, Error, Estimator, Metric
from autocompress.measure.graph import Graph

Floats = NDArray[np.float64]
LEAST = 4  # points
VECTOR = 16  # numbers that the widest registers take at once
MATRICES = ("conv2d", "pointwise", "depthwise", "linear")
# What CPUs usually take, in MACs of a full convolution: a MAC of each kind, a number moved, a call. Few points say
# little against it, many override it.
USUAL = np.array([1.0, 1.5, 12.0, 1.5, 0.5, 5e4])
AWAY = 0.5  # how far, relative to the first guess, the pace of a shape may lie from that of its kind
NOISE = 0.1  # of what was measured, and of what layers do to each other


class Point(NamedTuple):
    layers: tuple[Layer, ...]
    seconds: float


class Convolutions(Estimator):
    """Latency learned from `points` that were measured: a first guess from MACs and bytes, corrected shape by shape.

    A Gaussian process over layers of which only sums are seen: what a network took is shared out among its layers, and
    layers that resemble each other are corrected alike. For screening; those who pass are measured.
    """

    metric: ClassVar[Metric] = "latency"

    points: Annotated[tuple[Point, ...], Field(min_length=LEAST)]

    @property
    def ranks_only(self) -> bool:
        return True

    @classmethod
    def learned(cls, measured: Sequence[tuple[Graph, float]]) -> "Convolutions":
        """From graphs and their seconds. Its error is that of each of them if the others had to tell it."""
        points = tuple(Point(tuple(layers(graph)), seconds) for graph, seconds in measured)
        if len(points) < LEAST:
            raise ValueError(f"{LEAST} measured networks at least, got {len(points)}")
        p50, p90 = np.quantile(np.abs(_fit(points).left_out()), (0.5, 0.9))
        return cls.model_construct(points=points, error=Error.model_construct(p50=float(p50), p90=float(p90)))

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        return _fit(self.points)(tuple(layers(graph)))


@lru_cache(4)
def _fit(points: tuple[Point, ...]) -> "_Fitted":
    return _Fitted(points)


class _Fitted:
    def __init__(self, points: tuple[Point, ...]) -> None:
        self.took = np.array([point.seconds for point in points])
        self.pace = _paces(np.array([sum(_work(each) for each in point.layers) for point in points]), self.took)
        self.shares = [self._share(point.layers) for point in points]
        self.places = [_place(point.layers) for point in points]
        networks = zip(self.shares, self.places, strict=True)
        covariance = np.array([self._alike(share, place) for share, place in networks])
        self.inverse = np.linalg.inv(covariance + np.diag((NOISE * self.took) ** 2))
        self.weights = self.inverse @ (self.took - [share.sum() for share in self.shares])

    def __call__(self, asked: tuple[Layer, ...]) -> float:
        share = self._share(asked)
        guess = share.sum()
        return float(max(guess + self._alike(share, _place(asked)) @ self.weights, 0.1 * guess))

    def left_out(self) -> Floats:
        """What each point's estimate would be off by, relative to it, if the others had to correct it."""
        off: Floats = -self.weights / np.diag(self.inverse) / self.took
        return off

    def _share(self, asked: tuple[Layer, ...]) -> Floats:
        """The first guess of each layer, in seconds."""
        return np.array([_work(each) @ self.pace for each in asked])

    def _alike(self, share: Floats, place: Floats) -> Floats:
        """How much the corrections of this network and of each that was measured have in common."""
        both = zip(self.shares, self.places, strict=True)
        return np.array([share @ _near(place, other) @ theirs for theirs, other in both])


def _paces(work: Floats, took: Floats) -> Floats:
    """Seconds of each kind of work, none below zero; relative errors count."""
    from scipy.optimize import nnls  # type: ignore[import-untyped]

    usual = USUAL * np.median(took / (work @ USUAL))
    design = np.vstack([work / took[:, None], np.diag(1 / usual)])
    paces: Floats = nnls(design, np.ones(len(design)))[0]
    return paces


def _work(each: Layer) -> Floats:
    """What a layer asks for: full vectors by kind of operation, numbers moved, and to be called at all."""
    by_kind = [float(each.padded(VECTOR)) * (each.op == kind) for kind in MATRICES]
    return np.array([*by_kind, float(each.high * each.wide * (each.cout + each.cin * each.stride**2)), 1.0])


def _place(asked: Sequence[Layer]) -> Floats:
    """Where a layer lies among all layers, about 1 apart where the pace may be another."""
    return np.array([_features(each) for each in asked])


def _features(each: Layer) -> list[float]:
    kinds = [float(each.op == kind) for kind in MATRICES] + [float(each.op not in MATRICES)]
    filled = [0.5 * (side % few == 0) for side in (each.cin, each.cout) for few in (4, 8, VECTOR)]
    octaves = [log2(side) / 3 for side in (each.cin, each.cout, each.high * each.wide)]
    window = [0.15 * each.kernel_high, 0.5 * each.stride, 0.5 * (each.activation != ""), 2.0 * (each.bits > 8)]
    return [*kinds, *filled, *octaves, *window]


def _near(one: Floats, other: Floats) -> Floats:
    apart = ((one[:, None] - other[None]) ** 2).sum(2)
    near: Floats = AWAY**2 * np.exp(-apart / 2)
    return near
