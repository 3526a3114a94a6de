"""One recipe, trained with several seeds: what it is worth on average, and how far luck goes."""

import math
import statistics
from collections.abc import Sequence

from autocompress.values.measurement import Measurement
from autocompress.values.trial import Trial


def merged(trials: Sequence[Trial]) -> Trial:
    """The first of them, with the means of all; limits are kept or broken by the mean too. Its files are its own."""
    first = trials[0]
    if len(trials) == 1:
        return first
    shared = [m.metric for m in first.measurements if all(t.measured(m.metric) for t in trials)]
    numbers = tuple(mean([t.measured(metric) for t in trials]) for metric in shared)
    rest = tuple(m for m in first.measurements if m.metric not in shared)
    limits = set(first.violations).intersection(*(t.violations for t in trials))
    violations = {name: statistics.fmean(t.violations[name] for t in trials) for name in sorted(limits)}
    return first.model_copy(update={"measurements": numbers + rest, "violations": violations})


def mean(every: Sequence[Measurement | None]) -> Measurement:
    """Its standard error holds what differs between seeds, and is never below what one seed alone left open."""
    found = [m for m in every if m is not None]
    values, own = [m.value for m in found], [m.spread or 0.0 for m in found]
    between = statistics.stdev(values) / math.sqrt(len(values))
    within = math.sqrt(statistics.fmean(s * s for s in own) / len(own))
    spread = max(between, within)
    note = "; ".join(filter(None, (f"mean of {len(found)} seeds", found[0].note)))
    return found[0].model_copy(
        update={"value": statistics.fmean(values), "spread": spread or found[0].spread, "note": note}
    )
