"""Cheap questions before dear ones: what breaks a hard limit is refused before anything is trained."""

from autocompress.values.limit import Limit, violations
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.metric import known

NOISE = 2.0  # standard errors that a measurement may be wrong by


def refused(measurements: tuple[Measurement, ...], limits: tuple[Limit, ...]) -> dict[str, float]:
    """The hard limits these numbers break, and by how much. Empty: go on. What noise alone may have broken goes on."""
    hard = tuple(x for x in limits if x.hard)
    hopeful = tuple(_hopeful(m) for m in measurements)
    return {metric: by for metric, by in violations(by_metric(hopeful), hard).items() if by > 0}


def _hopeful(m: Measurement) -> Measurement:
    """Of what was measured; an estimate's error is in the margin of its limit."""
    if m.how != "measured" or not m.spread:
        return m
    better = -1 if known(m.metric).direction == "minimize" else 1
    return m.model_copy(update={"value": max(m.value + better * NOISE * m.spread, 0.0)})
