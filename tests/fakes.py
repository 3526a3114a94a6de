"""A pretend world: lawful candidates in closed form, the same every time. No torch, no clock, no files."""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from autocompress.errors import Failure
from autocompress.values.job import Done, Event, Gated, Job, Outcome, Progress, Rung
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.study import Budget, StudySpec

SPACE: dict[str, Any] = {
    "student": {
        "choice": [
            {"use": "cnn", "width": {"int": [4, 32], "step": 4}},
            {"use": "resnet", "width": {"int": [4, 32], "step": 4}, "depth": {"choice": [8, 14, 20]}},
        ]
    },
    "stages": [
        {
            "order": [
                {"use": "distill", "method": {"choice": ["none", {"use": "logit", "temperature": {"float": [1, 10]}}]}},
                {"choice": ["none", {"use": "prune", "ratio": {"float": [0.1, 0.8]}, "by": {"choice": ["l1", "l2"]}}]},
            ]
        },
        {"choice": ["none", {"use": "quantize", "bits": {"choice": [8, 4]}}]},
    ],
}
OBJECTIVES = (
    Objective(metric="accuracy", direction="maximize"),
    Objective(metric="latency_p50", direction="minimize"),
    Objective(metric="size", direction="minimize"),
)
LIMITS = (
    Limit(metric="size", side="max", bound=60_000),
    Limit(metric="latency_p50", side="max", bound=2e-3),
    Limit(metric="accuracy", side="min", bound=0.5),
)


def spec(**changes: Any) -> StudySpec:
    """A study of the pretend world."""
    return StudySpec(
        **{
            "name": "pretend",
            "space": SPACE,
            "objectives": OBJECTIVES,
            "limits": LIMITS,
            "sampler": {"use": "random"},
            "driver": {"use": "simulated", "workers": 3},
            "budget": Budget(trials=20),
            **changes,
        }
    )


@dataclass(frozen=True)
class Pretend:
    """Wider is better, larger and slower; pruning gives some of each back; distilling helps; width 28 always fails."""

    gate: bool = True

    def __call__(self, job: Job) -> Generator[Event, bool | None, None]:
        accuracy, latency, size = numbers(job.recipe.tree)
        known = (_m("size", size, "counted"), _m("macs", size * 100, "counted"))
        if self.gate and not (yield Gated(job.number, known, seconds=0.1)):
            yield Done(job.number, Outcome("stopped", known, seconds=0.1))
            return
        yield Progress(job.number, "training")
        total = 10 + size / 1e4
        for at in job.rungs:
            so_far = accuracy * (1 - math.exp(-3 * at))
            if not (yield Rung(job.number, at, (_m("accuracy", so_far),), seconds=at * total)):
                yield Done(job.number, Outcome("stopped", known, seconds=at * total))
                return
        if job.recipe.student.get("width") == 28:
            raise Failure("nan_loss", "width 28 diverges in this world")
        found = (_m("accuracy", accuracy), _m("latency_p50", latency), _m("size", size), known[1])
        yield Done(job.number, Outcome("complete", found, seconds=total, stages=len(job.recipe.stages)))


def numbers(tree: dict[str, Any]) -> tuple[float, float, float]:
    """(accuracy, latency, size) of a recipe, by the laws of this world."""
    student, stages = tree["student"], tree["stages"]
    width, depth = student.get("width", 16), student.get("depth", 6)
    capacity, bits = width * width * depth * 9.0, 32
    accuracy = 1 - 2.0 / math.sqrt(capacity)
    for place, stage in enumerate(stages):
        match stage:
            case {"use": "distill", "method": {"use": "logit", "temperature": t}}:
                accuracy += 0.02 * math.exp(-((math.log(t) - math.log(4)) ** 2))
            case {"use": "prune", "ratio": ratio, **rest}:
                capacity *= (1 - ratio) ** 2
                accuracy -= (0.05 if rest.get("by") == "l1" else 0.04) * ratio**2 * (1.5 if place == 0 else 1.0)
            case {"use": "quantize", "bits": b}:
                bits = b
                accuracy -= 0.002 if b == 8 else 0.03
    speed = {32: 1.0, 8: 0.5, 4: 0.5}[bits]
    return min(0.995, max(0.1, accuracy)), 1e-7 * capacity * speed, capacity * bits / 8


def _m(metric: str, value: float, how: Any = "measured") -> Measurement:
    return Measurement(metric=metric, value=value, how=how)
