"""One candidate of a study, with everything that became of it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from autocompress.errors import FailureCode
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.recipe import Recipe

State = Literal["waiting", "running", "complete", "infeasible", "stopped", "failed"]
Origin = Literal["asked", "first", "inherited", "promoted", "variant", "replica", "listed"]
"""Who wanted it: the sampler; what is tried first of all; another study, where it was `of`; trial `of` was stopped too
early and goes on; it is `of` with an ending that needs no training; it is `of` with another seed; a list, where it has
place `of`."""


class Trial(BaseModel):
    """`infeasible` means refused by the gate, before training. A complete trial may break a limit too: `feasible`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    number: int
    recipe: Recipe
    state: State
    fidelity: float = 1.0
    seed: int = 0
    measurements: tuple[Measurement, ...] = ()
    violations: dict[str, float] = {}  # limit -> log(measured / bound); above 0 is broken
    artifacts: dict[str, str] = {}
    seconds: float = 0.0
    stages: int = 0
    cached: int = 0
    code: FailureCode | None = None
    message: str = ""
    same_as: int | None = None  # the trial whose numbers it took over: the same recipe with the same seed
    retry_of: int | None = None  # the trial whose work was lost
    origin: Origin = "asked"
    of: int | None = None

    @property
    def feasible(self) -> bool:
        return self.state == "complete" and all(v <= 0 for v in self.violations.values())

    @property
    def broken(self) -> dict[str, float]:
        """The limits it breaks, worst first."""
        worst = sorted(self.violations.items(), key=lambda kv: -kv[1])
        return {metric: amount for metric, amount in worst if amount > 0}

    def measured(self, metric: str) -> Measurement | None:
        return by_metric(self.measurements).get(metric)

    def value(self, metric: str) -> float:
        found = self.measured(metric)
        if found is None:
            raise ValueError(f"trial {self.number} has no {metric}")
        return found.value
