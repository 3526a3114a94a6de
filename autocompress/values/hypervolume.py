"""Which points nobody beats, and how much of the space below a reference they cover. All objectives are minimised."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

BLOCK = 256  # points compared with all others at once: memory grows with the number of points, not with its square


def nondominated(points: Points) -> NDArray[np.bool_]:
    """True where no other point is at least as good everywhere and better somewhere. Equals do not beat each other."""
    beaten = np.zeros(len(points), dtype=bool)
    for start in range(0, len(points), BLOCK):
        some = points[None, start : start + BLOCK, :]
        no_worse = (points[:, None, :] <= some).all(axis=2)
        better = (points[:, None, :] < some).any(axis=2)
        beaten[start : start + BLOCK] = (no_worse & better).any(axis=0)
    return ~beaten


def hypervolume(points: Points, reference: Points) -> float:
    """Exact volume between the points and the reference, by slicing along the last objective.

    Meant for up to a few hundred points and 1 to 4 objectives (While et al. 2006, doi:10.1109/TEVC.2005.851275).
    """
    inside = points[(points < reference).all(axis=1)]
    return _volume(np.unique(inside, axis=0), reference) if len(inside) else 0.0


def _volume(points: Points, reference: Points) -> float:
    if points.shape[1] == 1:
        return float(reference[0] - points[:, 0].min())
    if points.shape[1] == 2:
        return _area(points, reference)
    points = points[np.argsort(points[:, -1], kind="stable")]
    heights = np.append(points[:, -1], reference[-1])
    total = 0.0
    for i in range(len(points)):
        depth = heights[i + 1] - heights[i]
        if depth > 0:
            slab = points[: i + 1, :-1]
            kept = slab if slab.shape[1] == 2 else slab[nondominated(slab)]  # an area sees who is beaten by itself
            total += depth * _volume(kept, reference[:-1])
    return total


def _area(points: Points, reference: Points) -> float:
    order = np.lexsort((points[:, 1], points[:, 0]))
    total, floor = 0.0, float(reference[1])
    for x, y in points[order]:
        if y < floor:
            total += float(reference[0] - x) * (floor - float(y))
            floor = float(y)
    return total
