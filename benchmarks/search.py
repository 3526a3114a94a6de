"""Does the search win? Ways to search one pretend joint problem, at equal device time, over many seeds.

    python benchmarks/search.py [--seeds 10] [--units 30 90] [--ways default tpe random ...]

Hypervolume of what is complete and fits, in a fixed box, after so many units of 100 pretend seconds (one is about a
full training). Mean and standard error over the seeds; the same seeds for all ways. See benchmarks/pretend.py.
"""

import argparse
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection

from autocompress.plugin import make
from autocompress.study.core import Loop
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful
from autocompress.study.store import Store
from autocompress.values.counts import counts
from autocompress.values.limit import Limit, Objective
from autocompress.values.study import Budget, StudySpec
from benchmarks.pretend import LIMITS, OBJECTIVES, SPACE, UNIT, World, covered, craft

HALVING = {"use": "halving"}
PLAIN: dict[str, Any] = {"schedule": {"use": "flat"}, "first": "nothing", "gated": False, "variants": 0}
FULL: dict[str, Any] = {"schedule": HALVING, "first": "known", "gated": True, "variants": 4}
GOOD = Limit(metric="accuracy", side="min", bound=0.75)  # three in ten of those that fit otherwise

WAYS: dict[str, dict[str, Any]] = {
    "random": PLAIN | {"sampler": {"use": "random"}},
    "nsga2": PLAIN | {"sampler": {"use": "nsga2"}},
    "tpe": PLAIN,
    "gate": PLAIN | {"gated": True},
    "gate+halving": PLAIN | {"gated": True, "schedule": HALVING},
    "gate+halving, none promoted": PLAIN | {"gated": True, "schedule": HALVING | {"again": False}},
    "gate+known": PLAIN | {"gated": True, "first": "known"},
    "gate+variants": PLAIN | {"gated": True, "variants": 4},
    "gate, ehvi": PLAIN | {"gated": True, "sampler": {"use": "ehvi"}},
    "gate+halving, ehvi": PLAIN | {"gated": True, "sampler": {"use": "ehvi"}, "schedule": HALVING},
    "default, ehvi": FULL | {"sampler": {"use": "ehvi"}},
    "default, ehvi, first look at 1/3": FULL | {"sampler": {"use": "ehvi"}, "schedule": HALVING | {"first": 1 / 3}},
    "default, ehvi, first look at 1/3, without the known": FULL
    | {"sampler": {"use": "ehvi"}, "schedule": HALVING | {"first": 1 / 3}, "first": "nothing"},
    "default, ehvi, looks at 1/4 and 1/2": FULL
    | {"sampler": {"use": "ehvi"}, "schedule": HALVING | {"first": 1 / 4, "eta": 2}},
    "default, ehvi, without the known": FULL | {"sampler": {"use": "ehvi"}, "first": "nothing"},
    "default": FULL,
    "default, 2 variants": FULL | {"variants": 2},
    "default, 8 variants": FULL | {"variants": 8},
    "default, eta 2": FULL | {"schedule": HALVING | {"eta": 2}},
    "default, eta 4": FULL | {"schedule": HALVING | {"eta": 4}},
    "default, first look at 1/3": FULL | {"schedule": HALVING | {"first": 1 / 3}},
    "default without halving": FULL | {"schedule": {"use": "flat"}},
    "default without the known": FULL | {"first": "nothing"},
    "default without variants": FULL | {"variants": 0},
    "default, ehvi, accuracy limited": FULL | {"sampler": {"use": "ehvi"}, "limits": (*LIMITS, GOOD)},
    "tpe, accuracy limited": PLAIN | {"limits": (*LIMITS, GOOD)},
}


class Fleeting(Store):
    """A store without a file: hundreds of lives in minutes. benchmarks/engine.py says what the file costs."""

    def __init__(self, spec: StudySpec) -> None:
        self._storage = InMemoryStorage()  # type: ignore[assignment]
        self._study_id = self._storage.create_new_study([_way(o) for o in spec.objectives], spec.name)


def _way(aim: Objective) -> StudyDirection:
    return StudyDirection.MAXIMIZE if aim.direction == "maximize" else StudyDirection.MINIMIZE


@dataclass(frozen=True)
class Life:
    """One way, one seed: hypervolume at each mark, and where the candidates went."""

    volumes: tuple[float, ...]
    asked: int
    refused: int
    stopped: int
    complete: int
    asking: float  # real seconds outside the pretend world, per candidate


def lived(way: dict[str, Any], marks: tuple[float, ...], seed: int, workers: int) -> Life:
    settings = dict(way)
    world = World(gated=settings.pop("gated"))
    budget = Budget(device_seconds=max(marks) * UNIT, variants=settings.pop("variants"))
    spec = StudySpec(
        name="search",
        space=SPACE,
        objectives=OBJECTIVES,
        driver={"use": "simulated", "workers": workers},
        budget=budget,
        seed=seed,
        **{"limits": LIMITS} | settings,
    )
    spent, volumes, began = 0.0, [], time.perf_counter()
    loop = Loop(spec, Fleeting(spec), craft=craft())
    with make(Driver, spec.driver).start(Careful(world)) as pool:
        for happening in loop.run(pool):
            if happening.kind == "ended" and happening.trial:
                spent += happening.trial.seconds
                while len(volumes) < len(marks) and spent >= marks[len(volumes)] * UNIT:
                    volumes.append(covered(list(loop.trials.values())))
    volumes += [covered(list(loop.trials.values()))] * (len(marks) - len(volumes))
    found = counts(loop.trials.values())
    each = (time.perf_counter() - began) / max(1, found.asked)
    return Life(tuple(volumes), found.asked, found.refused, found.stopped, found.complete, each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--units", type=float, nargs="*", default=[15, 30, 60, 90])
    parser.add_argument("--workers", type=int, default=2, help="in the pretend world")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), metavar="WAY")
    given = parser.parse_args()
    marks = tuple(sorted(given.units))
    print(f"{given.seeds} seeds, {given.workers} pretend workers")
    print(f"| way | {' | '.join(f'{m:g} units' for m in marks)} | asked | refused | stopped | complete | ms each |")
    print(f"|---|{'---:|' * (len(marks) + 5)}")
    with ProcessPoolExecutor(given.processes) as pool:
        for name in given.ways:
            one = partial(lived, WAYS[name], marks, workers=given.workers)
            lives = list(pool.map(one, range(given.seeds)))
            cells = [interval([life.volumes[i] for life in lives]) for i in range(len(marks))]
            means = [statistics.mean(getattr(x, n) for x in lives) for n in ("asked", "refused", "stopped", "complete")]
            each = 1e3 * statistics.mean(x.asking for x in lives)
            print(
                f"| {name} | {' | '.join(cells)} | {' | '.join(f'{m:.0f}' for m in means)} | {each:.0f} |", flush=True
            )


def interval(numbers: list[float]) -> str:
    spread = statistics.stdev(numbers) / len(numbers) ** 0.5 if len(numbers) > 1 else 0.0
    return f"{statistics.mean(numbers):.3f} ± {spread:.3f}"


if __name__ == "__main__":
    main()
