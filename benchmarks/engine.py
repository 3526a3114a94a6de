"""What the engine itself costs: ask + gate + tell through the real store, with work that takes no time.

    python benchmarks/engine.py

Wall time of this process, 25 holes, 3 objectives, 2 limits, one asker. Compare rows of one run, not runs.
"""

import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from autocompress.plugin import make
from autocompress.study.core import Loop
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful, FunctionWork
from autocompress.study.store import Store
from autocompress.values.limit import Limit, Objective
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget, StudySpec

HOLES = {f"x{i}": {"float": [0, 1]} for i in range(15)} | {f"c{i}": {"choice": ["a", "b", "c"]} for i in range(10)}


def evaluate(recipe: Recipe, fidelity: float) -> dict[str, float]:
    x = recipe.tree
    return {"accuracy": x["x0"], "latency_p50": 0.01 + x["x1"] + x["x2"], **gate(recipe)}


def gate(recipe: Recipe) -> dict[str, float]:
    x = recipe.tree
    return {"size": 1000 * (0.1 + x["x3"] + (1 - x["x0"]))}


def study(sampler: str, trials: int) -> StudySpec:
    return StudySpec(
        name="engine",
        space=HOLES,
        objectives=(
            Objective(metric="accuracy", direction="maximize"),
            Objective(metric="latency_p50", direction="minimize"),
            Objective(metric="size", direction="minimize"),
        ),
        limits=(
            Limit(metric="size", side="max", bound=1700),
            Limit(metric="latency_p50", side="max", bound=1.8),
        ),
        sampler={"use": sampler},
        driver={"use": "serial"},
        budget=Budget(trials=trials),
    )


def per_trial(sampler: str, trials: int) -> list[float]:
    """Seconds from one ended trial to the next."""
    with tempfile.TemporaryDirectory() as folder:
        spec = study(sampler, trials)
        store = Store.create(f"sqlite:///{Path(folder) / 'study.db'}", "engine", spec.objectives)
        loop, ends = Loop(spec, store), [time.perf_counter()]
        with make(Driver, spec.driver).start(Careful(FunctionWork(evaluate, gate))) as pool:
            ends += [time.perf_counter() for happening in loop.run(pool) if happening.kind == "ended"]
        store.close()
    return [after - before for before, after in pairwise(ends)]


def main() -> None:
    print(f"{'sampler':8} {'trials':>6} {'total s':>8}  ms per trial around trial 100 / 500 / 1000")
    for sampler, trials in (("random", 1000), ("tpe", 520), ("nsga2", 520), ("ehvi", 220)):
        took = per_trial(sampler, trials)
        around = [
            f"{1e3 * statistics.median(took[n - 10 : n + 10]):.1f}" if len(took) >= n - 5 else "-"
            for n in (100, 500, 1000)
        ]
        print(f"{sampler:8} {len(took):6d} {sum(took):8.1f}  {' / '.join(around)}")


if __name__ == "__main__":
    main()
