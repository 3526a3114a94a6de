"""What drivers cost, and what they gain: jobs that take no time, and jobs that keep a core busy.

    python -m benchmarks.drivers [jobs]
    python -m benchmarks.drivers study [trials] [sampler]

The second is a whole study of such jobs, asked, stored, gated and told: for each tenth of its trials how many a second
on the wall and of CPU, and MB.

Memory is this process's (VmRSS), after each tenth of the jobs: it must not grow with them. Speed is the jobs of one
worker and of two in turns, in one run: compare these, not runs. On a machine with other work to do two workers may get
no more of it than one: "at work" says how many of them had a job at a time, whatever it took.
"""

import os
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from autocompress.plugin import make
from autocompress.study.core import Loop
from autocompress.study.drivers.base import Driver, Pool
from autocompress.study.evaluate import Careful, FunctionWork
from autocompress.study.store import Store
from autocompress.values.job import Done, Event, Gated, Job, Outcome, Rung, Work
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from benchmarks.engine import evaluate, gate, study

DRIVERS = ("local", "ray_tune")
RECIPE = Recipe.of({"student": {"use": "cnn", "width": 16}, "stages": []})
KNOWN = (Measurement(metric="size", value=1.0, how="counted"),)
TURNS, EACH = 4, 12  # turns per number of workers, jobs per turn
BUSY = 0.25  # seconds of a core


@dataclass(frozen=True)
class Busy:
    """A job that asks at the gate and at two rungs, and computes for so long, on one thread."""

    seconds: float

    def __call__(self, job: Job) -> Generator[Event, bool | None, None]:
        since = time.monotonic()
        yield Gated(job.number, KNOWN)
        for at in (0.3, 0.6):
            began = time.thread_time()
            while time.thread_time() - began < self.seconds / 2:
                pass
            yield Rung(job.number, at, KNOWN)
        yield Done(job.number, Outcome("complete", KNOWN, seconds=time.monotonic() - since))


def through(pool: Pool, numbers: range) -> tuple[float, float]:
    """Seconds that these jobs take, and seconds that they say they took."""
    began, waiting, left = time.perf_counter(), iter(numbers), len(numbers)
    submitted, said = 0, 0.0
    while left:
        while pool.room() and submitted < len(numbers):
            pool.submit(Job(next(waiting), RECIPE))
            submitted += 1
        event = pool.next(1.0)
        if isinstance(event, Gated | Rung):
            pool.answer(event.number, True)
        if isinstance(event, Done):
            left, said = left - 1, said + event.outcome.seconds
    return time.perf_counter() - began, said


def started(driver: str, workers: int, work: Work) -> Pool:
    return make(Driver, {"use": driver, "workers": workers}).start(Careful(work))


def memory() -> float:
    """MB of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def endurance(driver: str, jobs: int) -> None:
    with started(driver, 2, Busy(0)) as pool:
        through(pool, range(20))
        tenth, seconds, seen = jobs // 10, 0.0, []
        for i in range(10):
            seconds += through(pool, range(20 + i * tenth, 20 + (i + 1) * tenth))[0]
            seen.append(memory())
        print(f"{driver:>9}  {jobs / seconds:7.1f} jobs/s   MB: {' '.join(f'{mb:.0f}' for mb in seen)}", flush=True)


def gain(driver: str) -> None:
    """Both pools stay; whose turn it is not, sleeps."""
    took, said = {1: 0.0, 2: 0.0}, {1: 0.0, 2: 0.0}
    with started(driver, 1, Busy(BUSY)) as one, started(driver, 2, Busy(BUSY)) as two:
        pools = {1: one, 2: two}
        for pool in pools.values():
            through(pool, range(4))
        for turn in range(TURNS):
            for workers in (1, 2) if turn % 2 else (2, 1):
                seconds, inside = through(pools[workers], range(100 * turn + 10, 100 * turn + 10 + EACH))
                took[workers], said[workers] = took[workers] + seconds, said[workers] + inside
    each = {workers: 1000 * seconds / (TURNS * EACH) for workers, seconds in took.items()}
    busy = {workers: said[workers] / took[workers] for workers in took}
    print(
        f"{driver:>9}  1 worker {each[1]:.0f} ms/job   2 workers {each[2]:.0f} ms/job   x{each[1] / each[2]:.2f}   "
        f"at work: {busy[1]:.2f} of 1, {busy[2]:.2f} of 2   load of the machine: {os.getloadavg()[0]:.1f}"
    )


def whole(driver: str, trials: int, sampler: str) -> None:
    """A study through this driver, in a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        spec = study(sampler, trials)
        store = Store.create(f"sqlite:///{Path(folder) / 'study.db'}", spec.name, spec.objectives)
        loop, tenth, ended = Loop(spec, store), max(1, trials // 10), 0
        print(f"{driver}, {sampler}: {memory():.0f} MB before", flush=True)
        with make(Driver, {"use": driver, "workers": 2}).start(Careful(FunctionWork(evaluate, gate))) as pool:
            began, cpu = time.perf_counter(), time.process_time()
            for happening in loop.run(pool):
                ended += happening.kind == "ended"
                if happening.kind == "ended" and ended % tenth == 0:
                    now, used = time.perf_counter(), time.process_time()
                    print(
                        f"{ended:6d} trials  {tenth / (now - began):6.1f} a second, {tenth / (used - cpu):6.1f} "
                        f"a second of CPU, {memory():.0f} MB",
                        flush=True,
                    )
                    began, cpu = now, used
                if ended >= trials:
                    loop.brake.level = 2
        store.close()


if __name__ == "__main__" and sys.argv[1:2] == ["study"]:
    many, sampler = (*sys.argv[2:], *("10000", "random")[len(sys.argv) - 2 :])
    whole("local", int(many), sampler)
elif __name__ == "__main__":
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{jobs} jobs that take no time, two workers")
    for driver in DRIVERS:
        endurance(driver, jobs)
    print(f"jobs of {BUSY} s on one core, one worker and two in turns")
    gain("local")
