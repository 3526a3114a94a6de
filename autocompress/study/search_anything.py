"""The engine on anything: any function of a recipe can be searched, with the same store, resume and front."""

from collections.abc import Mapping
from typing import Any

from autocompress.study.evaluate import Evaluate, FunctionWork, Gate
from autocompress.study.study import Study
from autocompress.values.limit import Limit, Objective
from autocompress.values.metric import Direction, known
from autocompress.values.space import Tree
from autocompress.values.study import Budget, StudySpec

Named = str | Mapping[str, Any]


def search(
    space: Tree,
    evaluate: Evaluate,
    *,
    objectives: Mapping[str, Direction],
    limits: Mapping[str, float] | None = None,
    gate: Gate | None = None,
    sampler: Named = "tpe",
    schedule: Named = "flat",
    budget: int | Budget = 50,
    seed: int = 0,
    workers: int = 1,
    name: str | None = None,
    storage: str | None = None,
) -> Study:
    """Search a space of recipes with `evaluate(recipe, fidelity) -> {metric: value or (value, standard error)}`.

    A limit is an upper bound on what should be small and a lower bound on what should be large. `gate(recipe)` may give
    some metrics before the dear work; a recipe that breaks a limit there is never evaluated. With a `name` the study is
    kept, and the same call goes on where it ended; without one it lives as long as the object that is returned.
    With several workers `evaluate` and `gate` must be importable (top-level functions).
    """
    directions = dict(objectives)
    spec = StudySpec(
        name=name or "search",
        space=space,
        objectives=tuple(Objective(metric=m, direction=d) for m, d in directions.items()),
        limits=tuple(_limit(m, bound, directions) for m, bound in (limits or {}).items()),
        sampler=_named(sampler),
        schedule=_named(schedule),
        driver={"use": "serial"} if workers == 1 else {"use": "local", "workers": workers},
        budget=budget if isinstance(budget, Budget) else Budget(trials=budget),
        seed=seed,
    )
    work = FunctionWork(evaluate, gate)
    study = Study.temporary(spec, work) if name is None else Study.of(spec, storage=storage, work=work)
    study.run()
    return study


def _limit(metric: str, bound: float, directions: Mapping[str, Direction]) -> Limit:
    direction = directions.get(metric, known(metric).direction)
    return Limit(metric=metric, side="max" if direction == "minimize" else "min", bound=bound)


def _named(plug: Named) -> dict[str, Any]:
    return {"use": plug} if isinstance(plug, str) else dict(plug)
