"""A promise, not an objective: breaking it makes a trial infeasible by a known, normalised amount."""

import math
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autocompress.values.measurement import Measurement
from autocompress.values.metric import Direction, Scale, known, show


class Limit(BaseModel):
    """`max` for what should be small, `min` for what should be large.

    `below_baseline` is relative to the teacher's file. A soft limit refuses nothing: who breaks it seems worse, by
    `weight` times the share by which it is exceeded (`soft`). With `margin` 0.2 a value must keep its promise even if
    it is 20 % worse.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    side: Literal["max", "min"]
    bound: float | None = Field(None, gt=0, allow_inf_nan=False)
    below_baseline: float | None = Field(None, ge=0, allow_inf_nan=False)  # "baseline - 1.0 pp" is 0.01
    hard: bool = True
    margin: float = Field(0.0, ge=0, allow_inf_nan=False)
    weight: float = Field(1.0, ge=0, allow_inf_nan=False)  # of a soft limit

    @model_validator(mode="after")
    def _one_of_two(self) -> "Limit":
        if (self.bound is None) == (self.below_baseline is None):
            raise ValueError("a limit has a bound or is relative to the baseline, one of the two")
        return self

    def resolved(self, baseline: dict[str, Measurement]) -> "Limit":
        """The same promise as a plain bound, once the baseline has been measured."""
        if self.below_baseline is None:
            return self
        if self.metric not in baseline:
            raise ValueError(f"the limit on {self.metric} is relative to a baseline, and none was measured")
        bound = max(baseline[self.metric].value - self.below_baseline, 1e-9)
        return self.model_copy(update={"bound": bound, "below_baseline": None})

    def violation(self, value: float) -> float:
        """log(value / bound), margin added: above 0 is broken, and by how much does not depend on the unit."""
        assert self.bound is not None, "resolve the limit first"
        ratio = max(value / self.bound, 1e-12)
        return (math.log(ratio) if self.side == "max" else -math.log(ratio)) + math.log1p(self.margin)

    @property
    def kept_at(self) -> float:
        """The bound with the margin taken off: the worst value that keeps the promise."""
        assert self.bound is not None, "resolve the limit first"
        return self.bound / (1 + self.margin) if self.side == "max" else self.bound * (1 + self.margin)

    def excess(self, value: float) -> float:
        """The share by which it is exceeded; 0 where it is kept."""
        return math.expm1(max(self.violation(value), 0.0))

    def penalty(self, value: float) -> float:
        """What breaking a soft limit costs: its weight times the share by which it is exceeded."""
        return self.weight * self.excess(value)

    def __str__(self) -> str:
        sign = "≤" if self.side == "max" else "≥"
        more = f" with {self.margin * 100:g} % to spare" if self.margin else ""
        if self.bound is None:
            below = self.below_baseline or 0.0
            points = known(self.metric).unit == "fraction"
            text = f"{100 * below:g} pp" if points else show(self.metric, below)
            return f"{self.metric} {sign} baseline − {text}{more}"
        return f"{self.metric} {sign} {show(self.metric, self.bound)}{more}"


def resolved(limits: Iterable["Limit"], baseline: dict[str, Measurement]) -> tuple["Limit", ...]:
    """All as plain bounds. Those that refer to a baseline which is not there yet are left out."""
    return tuple(x.resolved(baseline) for x in limits if x.below_baseline is None or x.metric in baseline)


def violations(measured: dict[str, Measurement], limits: tuple[Limit, ...]) -> dict[str, float]:
    """For each hard limit whose metric is known: how far from broken (negative) or how badly broken (positive).

    Of several limits on one metric the one nearest to breaking counts.
    """
    found: dict[str, float] = {}
    for x in limits:
        if x.hard and x.metric in measured:
            amount = x.violation(measured[x.metric].value)
            found[x.metric] = max(amount, found.get(x.metric, amount))
    return found


class Objective(BaseModel):
    """What to improve. Samplers see costs in log scale, people see natural units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    direction: Direction
    scale: Scale | None = None

    def signed(self, value: float) -> float:
        """The value in its own unit, to be minimised: what domination is judged by."""
        return value if self.direction == "minimize" else -value

    def seen(self, value: float) -> float:
        """The value as the sampler sees it, in the objective's own direction."""
        log = (self.scale or known(self.metric).scale) == "log"
        return math.log(max(value, 1e-12)) if log else value

    def cost(self, value: float) -> float:
        """The same, to be minimised."""
        return self.seen(value) if self.direction == "minimize" else -self.seen(value)
