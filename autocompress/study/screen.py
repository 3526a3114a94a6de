"""What candidates took that were measured tells what the next will take: a sure answer saves measuring it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from autocompress.measure.estimators._layer import Layer
from autocompress.measure.estimators.convolutions import Convolutions, Point
from autocompress.study.artifacts import write_durably
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import canonical, digest

LEAST = 20  # measured networks, before anything is told
MOST = 100  # the newest: more take long and hardly tell more
SURE = 3.0  # standard errors: fewer refuse more, and more that measuring lets through (benchmarks/screening.py)


class Screen:
    """All that was measured in one way, in `folder`: a small file for each network, however many studies did it."""

    def __init__(self, folder: Path, where: str) -> None:
        self._folder, self._where = folder, where

    def add(self, layers: Sequence[Layer], latencies: Mapping[str, float]) -> None:
        text = canonical({"layers": [list(layer) for layer in layers], "seconds": dict(latencies)})
        write_durably(self._folder / f"{digest(canonical([list(layer) for layer in layers]))}.json", text.encode())

    def latency(self, metric: str, layers: Sequence[Layer]) -> Measurement | None:
        """Estimated, with how far it may be off; None as long as too few were measured."""
        points = self._points(metric)
        if len(points) < LEAST:
            return None
        by = Convolutions.learned(points)
        told = by.told(layers)
        return Measurement(
            metric=metric,
            value=told.seconds,
            how="estimated",
            on=f"the network, {self._where} by convolutions",
            spread=told.spread,
            n=len(points),
            note=f"not exported; {len(points)} others were told within {by.error.p90:.1%} in nine of ten cases",
        )

    def _points(self, metric: str) -> tuple[Point, ...]:
        """By name, so that equal folders tell equal numbers."""
        newest = sorted(self._folder.glob("*.json"), key=lambda file: -file.stat().st_mtime_ns)[:MOST]
        return tuple(point for file in sorted(newest) if (point := _point(file, metric)))


def breaks(limit: Limit, told: Measurement) -> bool:
    """Beyond doubt."""
    return limit.bound is not None and limit.violation(told.value / (1 + _doubt(told))) > 0


def keeps(limit: Limit, told: Measurement) -> bool:
    """Beyond doubt."""
    doubt = _doubt(told)
    return limit.bound is not None and doubt < 1 and limit.violation(told.value / (1 - doubt)) < 0


def _doubt(told: Measurement) -> float:
    """An error is relative to what would be measured."""
    return SURE * (told.spread or 0.0) / told.value


def _point(file: Path, metric: str) -> Point | None:
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        return Point(tuple(Layer(*each) for each in read["layers"]), float(read["seconds"][metric]))
    except (OSError, ValueError, KeyError, TypeError):  # damaged, or of a study that took other numbers
        return None
