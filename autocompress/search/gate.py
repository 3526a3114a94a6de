"""Cheap questions before dear ones: what breaks a hard limit is refused before anything is trained."""

from autocompress.values.limit import Limit, violations
from autocompress.values.measurement import Measurement, by_metric


def refused(measurements: tuple[Measurement, ...], limits: tuple[Limit, ...]) -> dict[str, float]:
    """The hard limits these numbers break, and by how much. Empty: go on."""
    hard = tuple(x for x in limits if x.hard)
    return {metric: by for metric, by in violations(by_metric(measurements), hard).items() if by > 0}
