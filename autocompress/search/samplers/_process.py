"""A Gaussian process for few, mixed and noisy points: a plane, and bumps on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LENGTHS = (0.7, 1.2, 2.0, 3.5, 6.0)  # of bumps, in units of a hole's range
PLANES = (0.0, 0.5, 0.9)  # share of the variance that is the plane's
NOISES = (1e-4, 1e-2, 1e-1, 0.4)  # share of the variance that nothing explains


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
        middle, scale = float(values.mean()), float(values.std()) or 1.0
        y, extra = (values - middle) / scale, (doubts / scale) ** 2
        apart, along = _distances(points, points), _products(points, points)
        best: tuple[float, Process] | None = None
        for length in LENGTHS:
            bumps = _matern(apart / length)
            for plane in PLANES:
                signal = plane * along + (1 - plane) * bumps
                for noise in NOISES:
                    factor = _root(signal + np.diag(noise + extra + 1e-8))
                    half = np.linalg.solve(factor, y)
                    size = max(float(half @ half) / len(y), 1e-12)
                    likely = -0.5 * len(y) * np.log(size) - float(np.log(np.diag(factor)).sum())
                    if best is None or likely > best[0]:
                        weights = np.linalg.solve(factor.T, half)
                        found = cls(points, length, plane, middle, scale * size**0.5, factor, weights / size**0.5)
                        best = likely, found
        assert best is not None
        return best[1]

    def at(self, points: Array) -> tuple[Array, Array]:
        """Expected values there, and standard errors of them."""
        shared = self._covariance(points, self.points)
        mean = shared @ self.weights
        inside = np.linalg.solve(self.factor, shared.T)
        own = self.plane * (points**2).mean(axis=1) + (1 - self.plane)
        left = np.clip(own - (inside**2).sum(axis=0), 1e-10, None)
        return self.middle + self.scale * mean, self.scale * np.sqrt(left)

    def _covariance(self, a: Array, b: Array) -> Array:
        return self.plane * _products(a, b) + (1 - self.plane) * _matern(_distances(a, b) / self.length)


def _root(covariance: Array) -> Array:
    lower: Array = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    return lower


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
    alike: Array = (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
    return alike
