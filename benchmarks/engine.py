"""What the engine itself costs: ask + gate + tell through the real store, with work that takes no time.

    python benchmarks/engine.py [--samplers ehvi ...] [--trials 520]

CPU and wall time of this process, 25 holes, 3 objectives, 2 limits, one asker; wall time says little on a machine with
other work to do. Percent are CPU time, of a trial of 10 s that one worker is busy with. Compare rows of one run.
"""

import argparse
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

AROUND = (100, 200, 500)  # trials
TRIAL = 10.0  # seconds that one takes
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


def per_trial(sampler: str, trials: int) -> list[tuple[float, float]]:
    """Seconds of CPU and on the wall, from one ended trial to the next."""
    with tempfile.TemporaryDirectory() as folder:
        spec = study(sampler, trials)
        store = Store.create(f"sqlite:///{Path(folder) / 'study.db'}", "engine", spec.objectives)
        loop, ends = Loop(spec, store), [_now()]
        with make(Driver, spec.driver).start(Careful(FunctionWork(evaluate, gate))) as pool:
            ends += [_now() for happening in loop.run(pool) if happening.kind == "ended"]
        store.close()
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(ends)]


def _now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", nargs="*", default=["random", "tpe", "nsga2", "ehvi"])
    parser.add_argument("--trials", type=int, default=520)
    given = parser.parse_args()
    print("| sampler | trials | CPU s | wall s | ms of CPU per trial around 100 | 200 | 500 | of 10 s, at 500 |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for sampler in given.samplers:
        took = per_trial(sampler, given.trials)
        around = [statistics.mean(cpu for cpu, _ in took[n - 10 : n + 10]) for n in AROUND if len(took) >= n + 10]
        cells = [f"{1e3 * seconds:.1f}" for seconds in around] + ["-"] * (len(AROUND) - len(around))
        cpu, wall = (sum(column) for column in zip(*took, strict=True))
        share = f"{around[-1] / TRIAL:.2%}" if len(around) == len(AROUND) else "-"
        print(f"| {sampler} | {len(took)} | {cpu:.1f} | {wall:.1f} | {' | '.join(cells)} | {share} |", flush=True)


if __name__ == "__main__":
    main()
