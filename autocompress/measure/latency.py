"""How long one call takes: over several fresh processes, interleaved with other files, by the clock that is honest.

CPU time where one thread works, because a loaded machine makes wall time wrong by a factor, and only of calls before
which nobody else was at the caches, because the others take longer by half; wall time where several threads work, and
then only on a machine that has nothing else to do. Several processes, because each session keeps its own luck with
memory for life; never the fastest call.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autocompress.errors import Failure
from autocompress.measure.child import ask, machine
from autocompress.measure.quiet import quiet
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.values.device import Protocol
from autocompress.values.measurement import Measurement

BUSY = 1.1  # contention from which on wall time says more about others than about the model
WORTH_SAYING = 0.05  # share of a latency that any call would cost
CLOCKS = {"cpu": "CPU time", "wall": "wall time", "events": "time of the GPU"}
PERCENTILES = {"latency_p50": 50, "latency_p95": 95, "latency_p99": 99}


class Duel(NamedTuple):
    """One file against another, timed in turns: below 1 the first is faster."""

    ratio: float
    spread: float | None

    @property
    def lost(self) -> bool:
        """Slower, and hardly by chance."""
        return self.ratio - 2 * (self.spread or 0.0) > 1

    def __str__(self) -> str:
        return f"{self.ratio:.3f}" + (f" ± {self.spread:.3f}" if self.spread is not None else "")


@dataclass(frozen=True)
class Race:
    """Files that ran in turns in the same processes. `times[p][f]`: seconds per call of file f in process p."""

    files: tuple[Path, ...]
    times: tuple[tuple[tuple[float, ...], ...], ...]
    calls: float  # of the first file, in one run
    empty: float | None  # seconds of a call that computes nothing
    contention: float
    clock: str
    where: str

    def latency(self) -> tuple[Measurement, ...]:
        """Of the first file: median over the processes of what each process says. With its mean."""
        each = {m: [float(np.percentile(p[0], percent)) for p in self.times] for m, percent in PERCENTILES.items()}
        each["latency_mean"] = [float(np.mean(p[0])) for p in self.times]
        many, note = sum(len(p[0]) for p in self.times), self._note()
        return tuple(
            Measurement(metric=m, value=v, how="measured", on=self.where, spread=s, n=many, note=note)
            for m, (v, s) in ((m, _middle(values)) for m, values in each.items())
        )

    def duel(self, one: int, other: int) -> Duel:
        """Process by process, so that what a process slows or speeds, it does to both."""
        return Duel(*_middle([float(np.median(p[one]) / np.median(p[other])) for p in self.times]))

    def _note(self) -> str:
        said = [CLOCKS[self.clock], f"contention {self.contention:.2f}"]
        said += [f"{self.duel(0, i)} x {self.files[i].name}" for i in range(1, len(self.files))]
        said.append(f"runs of {self.calls:g} calls")
        typical = statistics.median(float(np.median(p[0])) for p in self.times)
        if self.empty is not None and self.empty > WORTH_SAYING * typical:
            said.append(f"{self.empty / typical:.0%} of it is what calling an empty model takes")
        return "; ".join(said)


def latency(
    candidate: Path,
    reference: Path,
    runtime: Mapping[str, Any],
    inputs: tuple[int, int, int],
    protocol: Protocol,
    timeout: float = 60.0,
    empty: Path | None = None,
) -> tuple[Measurement, ...]:
    """latency_p50, _p95, _p99 and _mean of `candidate`, in seconds, interleaved with `reference`."""
    return race((candidate, reference), runtime, inputs, protocol, timeout, empty).latency()


def beats(
    candidate: Path,
    twin: Path,
    runtime: Mapping[str, Any],
    inputs: tuple[int, int, int],
    protocol: Protocol,
    timeout: float = 60.0,
) -> Duel:
    """Is the file in few bits really faster than the same network in 32? Not every runtime has the kernels for it."""
    return race((candidate, twin), runtime, inputs, protocol, timeout).duel(0, 1)


def race(
    files: Sequence[Path],
    runtime: Mapping[str, Any],
    inputs: tuple[int, int, int],
    protocol: Protocol,
    timeout: float = 60.0,
    empty: Path | None = None,
) -> Race:
    """Time files of the same inputs in turns. `runtime` is `{use: name, ...}`, `timeout` is per process, `empty` a file
    that computes nothing. Several threads on a machine that is busy are a Failure("measure")."""
    opened = make(Runtime, dict(runtime))
    clock = getattr(opened, "clock", "wall" if opened.threads > 1 else "cpu")
    question = {
        "runtime": dict(runtime),
        "clock": clock,
        "files": [str(file.resolve()) for file in files],
        "empty": str(empty.resolve()) if empty else None,
        "shape": [protocol.batch, *inputs],
        "warmup": protocol.warmup,
        "runs": protocol.runs,
    }
    answers: list[dict[str, Any]] = []
    busy: list[float] = []
    about = f"latency of {files[0]}"
    while len(answers) < protocol.processes:
        with quiet():
            answer = ask("stopwatch", question, about, timeout, opened.threads)
        if clock != "wall" or answer["contention"] < BUSY:
            answers.append(answer)
        else:
            busy.append(answer["contention"])
        if len(busy) > protocol.processes:
            raise Failure(
                "measure",
                f"{about}: the machine is busy, contention {statistics.median(busy):.2f} with {opened.threads} threads "
                f"(wall time is right below {BUSY:g}); give it nothing else to do, or measure with threads: 1",
            )
    threads = f"{opened.threads} thread{'s' if opened.threads > 1 else ''}"
    return Race(
        files=tuple(files),
        times=tuple(tuple(tuple(times) for times in answer["times"]) for answer in answers),
        calls=statistics.median(a["calls"][0] for a in answers),
        empty=statistics.median(a["empty"] for a in answers) if empty else None,
        contention=statistics.median(a["contention"] for a in answers),
        clock=clock,
        where=f"{files[0].name}, {opened.version}, {threads}, batch {protocol.batch}, {machine()}",
    )


def _middle(each: Sequence[float]) -> tuple[float, float | None]:
    """Median and its standard error, which is a fourth wider than a mean's (for 5 values as for many)."""
    if len(each) < 2:
        return each[0], None
    wider = 1.25 if len(each) > 2 else 1.0
    return float(np.median(each)), float(wider * np.std(each, ddof=1) / len(each) ** 0.5)
