"""A small pretend study as reports see it."""

import io
from typing import Any

from rich.console import Console

from autocompress.reports.table import front_table
from autocompress.reports.view import StudyView
from autocompress.values.device import Device
from autocompress.values.front import front
from autocompress.values.limit import Limit, Objective, violations
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget, StudySpec
from autocompress.values.trial import Trial

ACCURACY = Objective(metric="accuracy", direction="maximize")
LATENCY = Objective(metric="latency_p50", direction="minimize")
LIMITS = (Limit(metric="size", side="max", bound=100 * 1024), Limit(metric="accuracy", side="min", bound=0.93))
EVIL = "</style><script>alert('x')</script>&<img src=x onerror=alert(1)>[bold red]`|\n@all"


def numbers(accuracy: float, latency: float, size: float, **more: Any) -> tuple[Measurement, ...]:
    return (
        Measurement(
            metric="accuracy", value=accuracy, how="measured", on="val, 360 images", spread=0.001, n=360, **more
        ),
        Measurement(metric="latency_p50", value=latency, how="measured", on="model.onnx, 1 thread", spread=1e-6, n=5),
        Measurement(metric="size", value=size * 1024, how="counted", on="model.onnx"),
    )


def trial(number: int, state: Any, measured: tuple[Measurement, ...] = (), use: str = "convnet", **more: Any) -> Trial:
    recipe = Recipe.of({"student": {"use": use, "width": number}, "stages": [{"use": "prune", "ratio": 0.5}]})
    broken = violations(by_metric(measured), LIMITS)
    return Trial(
        **{"number": number, "recipe": recipe, "state": state, "measurements": measured, "violations": broken} | more
    )


BASE = numbers(0.98, 2e-3, 340)
TRIALS = (
    trial(0, "complete", numbers(0.977, 9.5e-4, 100), stages=2, cached=1),
    trial(1, "complete", numbers(0.95, 5e-4, 50), artifacts={"model": "ab" * 32}, stages=2),
    trial(2, "complete", numbers(0.94, 6e-4, 60)),  # beaten by 1
    trial(3, "complete", numbers(0.92, 4e-4, 40)),  # not accurate enough
    trial(4, "infeasible", numbers(0.0, 3e-3, 200)[1:]),
    trial(5, "infeasible", numbers(0.0, 3e-3, 120)[1:]),
    trial(6, "stopped", numbers(0.5, 5e-4, 50), fidelity=0.3),
    trial(7, "failed", code="nan_loss", message="loss is nan"),
    trial(8, "failed", code="export", message="no such op"),
    trial(9, "failed", code="nan_loss", message="loss is nan again"),
    trial(10, "running"),
)


def view(
    trials: tuple[Trial, ...] = TRIALS, objectives: tuple[Objective, ...] = (ACCURACY, LATENCY), **more: Any
) -> StudyView:
    spec = StudySpec(
        name="digits",
        space={"student": {"use": "convnet"}},
        objectives=objectives,
        limits=LIMITS,
        device=Device(id="x", name="Laptop", kind="cpu"),
        teacher={"student": {"use": "convnet", "width": 64}},
        budget=Budget(trials=10),
    )
    found = front(trials, objectives, LIMITS, BASE)
    tested = {0: Measurement(metric="accuracy", value=0.971, how="measured", on="test, 400 images")}
    given = {
        "spec": spec,
        "trials": trials,
        "baseline": BASE,
        "front": found,
        "test_accuracy": tested,
        "seconds": 3725.0,
    }
    return StudyView(**{**given, "environment": {"torch": "2.11", "autocompress": "0.1.0"}, **more})


def m(metric: str, value: float, spread: float | None = None, how: Any = "measured") -> Measurement:
    return Measurement(metric=metric, value=value, spread=spread, how=how)


def printed(given: StudyView, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(front_table(given, width))
    return out.getvalue()
