"""Work for real worker processes: it must be importable where they are spawned."""

import os
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes import Pretend

from autocompress.measure.quiet import quiet
from autocompress.values.job import Done, Event, Gated, Job, Outcome, Progress, Rung
from autocompress.values.measurement import Measurement

Events = Generator[Event, bool | None, None]


def numbers(**values: float) -> tuple[Measurement, ...]:
    return tuple(Measurement(metric=k, value=v, how="measured") for k, v in values.items())


@dataclass(frozen=True)
class Dies:
    """Ends its worker when the width is 16."""

    way: str

    def __call__(self, job: Job) -> Events:
        if job.recipe.student["width"] == 16:
            match self.way:
                case "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "exit":
                    print("last words", file=sys.stderr, flush=True)
                    os._exit(7)
                case "hang":
                    time.sleep(600)
        yield Done(job.number, Outcome("complete", numbers(accuracy=0.9, latency_p50=1e-3, size=1000)))


@dataclass(frozen=True)
class Threads:
    """Tells how many threads its process was given."""

    def __call__(self, job: Job) -> Events:
        yield Done(job.number, Outcome("complete", numbers(threads=float(os.environ["OMP_NUM_THREADS"]))))


@dataclass(frozen=True)
class Slow:
    """Leaves its process id in a folder, then takes its time, then says there that it has."""

    folder: str
    seconds: float

    def __call__(self, job: Job) -> Events:
        (mine := Path(self.folder) / str(os.getpid())).touch()
        time.sleep(self.seconds)
        mine.write_text("ended")
        yield Done(job.number, Outcome("complete", numbers(accuracy=0.9, latency_p50=1e-3, size=1000)))


@dataclass(frozen=True)
class DiesOnce:
    """Asks, trains, and kills its worker in the middle of a stage: the first time it gets there."""

    folder: str

    def __call__(self, job: Job) -> Events:
        known = numbers(latency_p50=1e-3, size=1000)
        if not (yield Gated(job.number, known)):
            yield Done(job.number, Outcome("stopped", known))
            return
        for at in (0.25, 0.5):
            yield Progress(job.number, f"at {at}")
            if not (yield Rung(job.number, at, numbers(accuracy=at))):
                yield Done(job.number, Outcome("stopped", known))
                return
            if at == 0.25 and not (marker := Path(self.folder) / str(job.number)).exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        yield Done(job.number, Outcome("complete", known + numbers(accuracy=0.9)))


@dataclass(frozen=True)
class Measures:
    """Trains, then measures; every step and every measurement leaves its begin and its end in a file."""

    folder: str

    def __call__(self, job: Job) -> Events:
        for step in range(4):
            with self._seen("trains"):
                time.sleep(0.05)
            yield Progress(job.number, f"step {step}")
        with quiet(), self._seen("measures"):
            time.sleep(0.1)
        yield Done(job.number, Outcome("complete", numbers(accuracy=0.9, latency_p50=1e-3, size=1000)))

    @contextmanager
    def _seen(self, what: str) -> Iterator[None]:
        began = time.monotonic()  # one clock for all processes of a machine
        yield
        with open(f"{self.folder}/{os.getpid()}", "a") as file:
            file.write(f"{what} {began} {time.monotonic()}\n")


@dataclass(frozen=True)
class Unhurried:
    """The pretend world, in which a little time passes."""

    seconds: float

    def __call__(self, job: Job) -> Events:
        time.sleep(self.seconds)
        yield from Pretend()(job)


@dataclass(frozen=True)
class Lasting:
    """The pretend world, in which whatever comes after the first trial takes its time."""

    seconds: float

    def __call__(self, job: Job) -> Events:
        if job.number > 0:
            time.sleep(self.seconds)
        yield from Pretend()(job)


class Unloadable:
    """Can be sent, but not received."""

    def __call__(self, job: Job) -> Events:
        yield Done(job.number, Outcome("complete"))

    def __reduce__(self):
        return _load, ()


def _load():
    raise ImportError("no such library here")


@dataclass(frozen=True)
class Steps:
    """Says what the clock says, after each step."""

    steps: int
    seconds: float

    def __call__(self, job: Job) -> Events:
        for _ in range(self.steps):
            time.sleep(self.seconds)
            yield Progress(job.number, str(time.monotonic()))
        yield Done(job.number, Outcome("complete", numbers(accuracy=0.9, latency_p50=1e-3, size=1000)))
