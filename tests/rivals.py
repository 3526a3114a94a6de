"""Small pretend studies to hold against each other."""

from collections.abc import Sequence
from typing import Any

from autocompress.values.entrant import Entrant
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget, StudySpec
from autocompress.values.trial import Trial

OBJECTIVES = (
    Objective(metric="accuracy", direction="maximize"),
    Objective(metric="latency_p50", direction="minimize"),
)
LIMITS = (Limit(metric="accuracy", side="min", bound=0.5), Limit(metric="latency_p50", side="max", bound=1e-3))

Model = tuple[float, float]  # accuracy, latency in ms


def rival(
    name: str, models: Sequence[Model], noise: float | None = None, how: Any = "measured", **more: Any
) -> Entrant:
    """Its accuracy has this standard error; latency has a tenth of a percent."""
    of = {k: more.pop(k) for k in ("baseline", "life", "processor") if k in more}
    spec = {
        "name": name,
        "space": {"student": {"use": "cnn"}},
        "objectives": OBJECTIVES,
        "limits": LIMITS,
        "budget": Budget(trials=9),
        **more,
    }
    trials = tuple(
        Trial(
            number=i,
            recipe=Recipe.of({"student": {"use": "cnn", "width": i}}),
            state="complete",
            measurements=(
                Measurement(metric="accuracy", value=accuracy, how="measured", spread=noise),
                Measurement(metric="latency_p50", value=ms / 1e3, how=how, spread=ms / 1e6 if noise else None),
            ),
        )
        for i, (accuracy, ms) in enumerate(models)
    )
    return Entrant(StudySpec(**spec), trials, **of)
