"""What candidates took that were measured says what the next will take, convolution by convolution."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autocompress.measure.estimators._layer import Layer, layers
from autocompress.measure.estimators.base import Board, Error, Estimator, Metric
from autocompress.measure.graph import Graph

Floats = NDArray[np.float64]
LEAST = 4  # points
NINE_IN_TEN = 1.645  # standard errors: how wide nine of ten errors lie
VECTOR = 16  # numbers that the widest registers take at once
MATRICES = ("conv2d", "pointwise", "depthwise", "linear")
# What CPUs usually take, in MACs of a full convolution: a MAC of each kind, a number moved, a call. Few points say
# little against it, many override it.
USUAL = np.array([1.0, 1.5, 12.0, 1.5, 0.5, 5e4])
AWAY = 0.5  # how far, relative to the first guess, the pace of a shape may lie from that of its kind
AT_ONCE = 512  # layers, that memory be enough for any network
NOISE = 0.1  # of what was measured, and of what layers do to each other


class Point(NamedTuple):
    layers: tuple[Layer, ...]
    seconds: float


class Told(NamedTuple):
    seconds: float
    spread: float


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
    def learned(cls, points: tuple[Point, ...]) -> "Convolutions":
        """Its error is that of each of them if the others had to tell it."""
        if len(points) < LEAST:
            raise ValueError(f"{LEAST} measured networks at least, got {len(points)}")
        p50, p90 = np.quantile(np.abs(_fit(points).left_out()), (0.5, 0.9))
        return cls.model_construct(points=points, error=Error.model_construct(p50=float(p50), p90=float(p90)))

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        return self.told(layers(graph)).seconds

    def told(self, asked: Sequence[Layer]) -> "Told":
        """With one standard error: as wide as it was for others, and wider for what resembles none of them."""
        fit = _fit(self.points)
        seconds = fit(asked)
        return Told(seconds, max(seconds * self.error.p90 / NINE_IN_TEN, fit.doubt(asked)))


@lru_cache(4)
def _fit(points: tuple[Point, ...]) -> "_Fitted":
    return _Fitted(points)


class _Fitted:
    def __init__(self, points: tuple[Point, ...]) -> None:
        self.took = np.array([point.seconds for point in points])
        self.pace = _paces(np.array([sum(_work(each) for each in point.layers) for point in points]), self.took)
        self.known = list(dict.fromkeys(each for point in points for each in point.layers))
        where = {each: i for i, each in enumerate(self.known)}
        share, self.places = self._share(self.known), _place(self.known)
        self.shares = np.zeros((len(points), len(self.known)))  # of each layer in each network
        for mine, point in zip(self.shares, points, strict=True):
            np.add.at(mine, [where[each] for each in point.layers], 1.0)
        self.shares *= share
        parts = range(0, len(self.known), AT_ONCE)
        near = [_near(self.places[i : i + AT_ONCE], self.places) @ self.shares.T for i in parts]
        covariance = self.shares @ np.vstack(near)
        self.inverse = np.linalg.inv(covariance + np.diag((NOISE * self.took) ** 2))
        self.weights = self.inverse @ (self.took - self.shares.sum(1))

    def __call__(self, asked: Sequence[Layer]) -> float:
        guess = self._share(asked).sum()
        return float(max(guess + self._alike(asked) @ self.weights, 0.1 * guess))

    def doubt(self, asked: Sequence[Layer]) -> float:
        """One standard error, in seconds: what is left of the first guess's after all corrections."""
        share, place, alike = self._share(asked), _place(asked), self._alike(asked)
        left = float(share @ _near(place, place) @ share - alike @ self.inverse @ alike)
        return math.sqrt(max(left, 0.0))

    def left_out(self) -> Floats:
        """What each point's estimate would be off by, relative to it, if the others had to correct it."""
        off: Floats = -self.weights / np.diag(self.inverse) / self.took
        return off

    def _share(self, asked: Sequence[Layer]) -> Floats:
        """The first guess of each layer, in seconds."""
        return np.array([_work(each) @ self.pace for each in asked])

    def _alike(self, asked: Sequence[Layer]) -> Floats:
        """How much the corrections of this network and of each that was measured have in common."""
        alike: Floats = self.shares @ (_near(self.places, _place(asked)) @ self._share(asked))
        return alike


def _paces(work: Floats, took: Floats) -> Floats:
    """Seconds of each kind of work, none below zero; relative errors count."""
    from scipy.optimize import nnls

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
    octaves = [math.log2(side) / 3 for side in (each.cin, each.cout, each.high * each.wide)]
    window = [0.15 * each.kernel_high, 0.5 * each.stride, 0.5 * (each.activation != ""), 2.0 * (each.bits > 8)]
    return [*kinds, *filled, *octaves, *window]


def _near(one: Floats, other: Floats) -> Floats:
    apart = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    near: Floats = AWAY**2 * np.exp(-apart / 2)
    return near
