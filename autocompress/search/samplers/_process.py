"""A Gaussian process for few, mixed and noisy points: a plane, and bumps on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dtrtrs

Array = NDArray[np.float64]

LENGTHS = (0.7, 1.2, 2.0, 3.5, 6.0)  # of bumps, in units of a hole's range
PLANES = (0.0, 0.5, 0.9)  # share of the variance that is the plane's
NOISES = (1e-4, 1e-2, 1e-1, 0.4)  # share of the variance that nothing explains
ENOUGH = 150  # points, the last ones, that say which settings are likeliest: sixty triangles of more would take long


@dataclass(frozen=True)
class Process:
    """Of the settings above, those under which the points are most likely (Rasmussen and Williams 2006, 5.4.1)."""

    points: Array
    length: float
    plane: float
    middle: float
    scale: float
    factor: Array  # lower triangle of the covariance of the points
    weights: Array

    @classmethod
    def of(cls, points: Array, values: Array, doubts: Array) -> "Process":
        """`doubts`: standard errors of the values, beside the noise that all have."""
        return cls.several(points, [values], doubts)[0]

    @classmethod
    def several(cls, points: Array, columns: Sequence[Array], doubts: Array) -> list["Process"]:
        """One for each column of values. What is the same for all of them, and takes longest, is done once."""
        middles, scales = [float(c.mean()) for c in columns], [float(c.std()) or 1.0 for c in columns]
        ys = [(c - middle) / scale for c, middle, scale in zip(columns, middles, scales, strict=True)]
        extras = [(doubts / scale) ** 2 for scale in scales]
        settings = _likeliest(points[-ENOUGH:], [y[-ENOUGH:] for y in ys], [extra[-ENOUGH:] for extra in extras])
        apart, along = _distances(points, points), _products(points, points)
        found = []
        for (length, plane, noise), y, extra, middle, scale in zip(settings, ys, extras, middles, scales, strict=True):
            factor = _root(plane * along + (1 - plane) * _matern(apart / length), noise + extra)
            half = _through(factor, y)
            size = _size(half) ** 0.5
            weights = _through(factor, half, back=True) / size
            found.append(cls(points, length, plane, middle, scale * size, factor, weights))
        return found

    def at(self, points: Array) -> tuple[Array, Array]:
        """Expected values there, and standard errors of them."""
        return told([self], points)[0]


def told(models: Sequence[Process], points: Array) -> list[tuple[Array, Array]]:
    """What each says of these points. Those that know the same ones share what takes long."""
    apart: dict[int, tuple[Array, Array]] = {}
    bumps: dict[tuple[int, float], Array] = {}
    own, found = (points**2).mean(axis=1), []
    for model in models:
        known = id(model.points)
        if known not in apart:
            apart[known] = _distances(points, model.points), _products(points, model.points)
        if (known, model.length) not in bumps:
            bumps[known, model.length] = _matern(apart[known][0] / model.length)
        shared = model.plane * apart[known][1] + (1 - model.plane) * bumps[known, model.length]
        inside = _through(model.factor, shared.T)
        left = model.plane * own + (1 - model.plane) - np.einsum("ij,ij->j", inside, inside)
        spread = model.scale * np.sqrt(np.clip(left, 1e-10, None))
        found.append((model.middle + model.scale * (shared @ model.weights), spread))
    return found


def _likeliest(points: Array, ys: Sequence[Array], extras: Sequence[Array]) -> list[tuple[float, float, float]]:
    """Length, plane and noise for each column."""
    apart, along = _distances(points, points), _products(points, points)
    best = [(-np.inf, (0.0, 0.0, 0.0))] * len(ys)
    for length in LENGTHS:
        bumps = _matern(apart / length)
        for plane in PLANES:
            signal = plane * along + (1 - plane) * bumps
            for noise in NOISES:
                for i, (y, extra) in enumerate(zip(ys, extras, strict=True)):
                    if i == 0 or extra.any():
                        factor = _root(signal, noise + extra)
                        volume = float(np.log(np.diag(factor)).sum())
                    likely = -0.5 * len(y) * np.log(_size(_through(factor, y))) - volume
                    best[i] = max(best[i], (likely, (length, plane, noise)), key=lambda one: one[0])
    return [settings for _, settings in best]


def _size(half: Array) -> float:
    """The variance under which the points are most likely."""
    return max(float(half @ half) / len(half), 1e-12)


def _root(signal: Array, noise: Array) -> Array:
    """Lower triangle of the covariance. LAPACK itself: what is around it takes longer than it does."""
    covariance = signal.copy(order="F")
    np.einsum("ii->i", covariance)[:] += noise + 1e-8
    lower: Array
    lower, wrong = dpotrf(covariance, lower=1, overwrite_a=1)
    assert not wrong, "the noise makes it positive definite"
    return lower


def _through(factor: Array, values: Array, *, back: bool = False) -> Array:
    """Solved by a lower triangle, or `back`, by its transpose."""
    solved: Array = dtrtrs(factor, values, lower=1, trans=int(back))[0]
    return solved


def _distances(a: Array, b: Array) -> Array:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    distances: Array = np.sqrt(np.clip(squares, 0.0, None))
    return distances


def _products(a: Array, b: Array) -> Array:
    products: Array = a @ b.T / a.shape[1]
    return products


def _matern(distance: Array) -> Array:
    """Smooth enough to be differentiated twice."""
    scaled = np.sqrt(5.0) * distance
    alike: Array = 1 + scaled
    alike += scaled**2 / 3
    np.negative(scaled, out=scaled)
    alike *= np.exp(scaled, out=scaled)  # in place: it is most of what a question costs
    return alike
