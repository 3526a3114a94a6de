"""A number that says how it was obtained, on what, how often, and how wide it spreads."""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

How = Literal["counted", "estimated", "measured"]


class Measurement(BaseModel):
    """`spread` is one standard error of `value`, in the same unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    value: float
    how: How
    on: str = ""  # what was looked at, and where: "model.onnx, onnxruntime 1.31, 1 thread"
    spread: float | None = Field(None, ge=0)
    n: int = Field(1, ge=1)
    note: str = ""  # what a reader must know to trust it: "contention 1.4"

    @field_validator("value", "spread")
    @classmethod
    def _finite(cls, value: float | None) -> float | None:
        if value is not None and not math.isfinite(value):
            raise ValueError(f"must be finite, got {value}")
        return value


def by_metric(measurements: tuple[Measurement, ...]) -> dict[str, Measurement]:
    """The last word on each metric: a later measurement replaces an earlier estimate."""
    return {m.metric: m for m in measurements}


def within_noise(a: Measurement, b: Measurement, errors: float = 1.0) -> bool:
    """A difference of at most so many standard errors of itself is not a difference."""
    noise = math.hypot(a.spread or 0.0, b.spread or 0.0)
    return abs(a.value - b.value) <= errors * noise + 1e-12
