"""What a sampler is taught of a trial, however it ended: costs, and how far it is from its limits.

Who breaks a soft limit seems that much worse in every objective, so the search keeps away without refusing anybody.
"""

from collections.abc import Mapping, Sequence

from autocompress.search.lesson import Costs
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.soft import penalty, worse
from autocompress.values.trial import Trial


def values(trial: Trial, objectives: Sequence[Objective], limits: Sequence[Limit]) -> list[float] | None:
    """Of a complete trial, each in its objective's own direction."""
    if trial.state != "complete":
        return None
    by = penalty(by_metric(trial.measurements), limits)
    return [o.seen(worse(o, trial.value(o.metric), by)) for o in objectives]


def constraints(trial: Trial, limits: Sequence[Limit]) -> dict[str, float]:
    """A limit that nobody measured yet is on its bound: neither kept nor broken. A failure says nothing of limits."""
    if trial.state == "failed":
        return {}
    return {x.metric: trial.violations.get(x.metric, 0.0) for x in limits if x.hard}


def costs(known: Mapping[str, Measurement], objectives: Sequence[Objective], limits: Sequence[Limit]) -> Costs:
    """As far as they are known, to be minimised."""
    by = penalty(known, limits)
    return [o.cost(worse(o, known[o.metric].value, by)) if o.metric in known else None for o in objectives]


def surely_known(trial: Trial, whole: Sequence[Measurement]) -> dict[str, Measurement]:
    """What was only counted is no cost where files are measured. `whole`: of one that was measured to the end."""
    known = by_metric(trial.measurements)
    if trial.state == "complete":
        return known
    measured = {m.metric for m in whole if m.how != "counted"}
    return {m.metric: m for m in known.values() if m.how != "counted" or m.metric not in measured}
