"""Work for real worker processes: it must be importable where they are spawned."""

import os
import signal
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass

from autocompress.values.job import Done, Event, Job, Outcome
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
    """Leaves its process id in a folder, then takes its time."""

    folder: str
    seconds: float

    def __call__(self, job: Job) -> Events:
        with open(f"{self.folder}/{os.getpid()}", "w"):
            pass
        time.sleep(self.seconds)
        yield Done(job.number, Outcome("complete", numbers(accuracy=0.9, latency_p50=1e-3, size=1000)))
