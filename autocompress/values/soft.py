"""Soft limits refuse nobody. Who breaks one seems that much worse in everything, to who searches and to who picks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.metric import known, show
from autocompress.values.trial import Trial

MOST = 9.0  # times worse than it is


@dataclass(frozen=True)
class Breach:
    """A soft limit that a model breaks, and its number."""

    limit: Limit
    value: float

    @property
    def share(self) -> float:
        """0.12: by 12 % of the bound, what is to be spared included."""
        return self.limit.excess(self.value)

    @property
    def by(self) -> str:
        """`12 % over`, `1.8 points short`."""
        word = "over" if self.limit.side == "max" else "short"
        if known(self.limit.metric).unit == "fraction":
            return f"{100 * abs(self.value - self.limit.kept_at):.3g} points {word}"
        share = self.share if self.limit.side == "max" else 1 - 1 / (1 + self.share)
        return f"{100 * share:.3g} % {word}" if share < 1 else f"{share + 1:.1f} times the limit"

    def __str__(self) -> str:
        return f"{self.limit} (soft) by {show(self.limit.metric, self.value)}, {self.by}"


def breaches(measured: Mapping[str, Measurement], limits: Iterable[Limit]) -> tuple[Breach, ...]:
    """As far as the numbers are known, in the order of the limits."""
    judged = [x for x in limits if not x.hard and x.bound is not None and x.metric in measured]
    found = [Breach(x, measured[x.metric].value) for x in judged]
    return tuple(one for one in found if one.share > 0)


def penalty(measured: Mapping[str, Measurement], limits: Iterable[Limit]) -> float:
    """0.2 is: as if everything were 20 % worse. At most ten times, lest one make all others look alike."""
    return min(sum(one.limit.penalty(one.value) for one in breaches(measured, limits)), MOST)


def worse(objective: Objective, value: float, by: float) -> float:
    """With 0.2: 20 % more bytes, 20 % more mistakes, a sixth fewer images in a second."""
    if objective.direction == "minimize":
        return value + abs(value) * by
    if known(objective.metric).unit == "fraction":
        return value - (1 - value) * by
    return value - abs(value) * by / (1 + by)


def as_seen(trial: Trial, objectives: Iterable[Objective], limits: Iterable[Limit]) -> Trial:
    """The trial with the numbers it would have if breaking soft limits made it worse."""
    by = penalty(by_metric(trial.measurements), limits)
    aims = {o.metric: o for o in objectives}

    def seen(m: Measurement) -> Measurement:
        aim = aims.get(m.metric, Objective(metric=m.metric, direction=known(m.metric).direction))
        return m.model_copy(update={"value": worse(aim, m.value, by)})

    return trial.model_copy(update={"measurements": tuple(map(seen, trial.measurements))}) if by else trial
