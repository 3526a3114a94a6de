"""Time files against each other in a fresh process: a question as JSON on stdin, the seconds of all calls on stdout.

`python -m autocompress.measure.stopwatch`. Torch is never imported: the process does what a device would do, no more.
"""

import hashlib
import json
import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from autocompress.measure.runtimes.base import Runtime, Session
from autocompress.plugin import make

RUN = 1e-3  # seconds that one file is timed before it is another's turn, at least
TICK = 5e-5  # seconds between two looks at the clock, at least: a look takes half a microsecond
CALM = 2e-3  # seconds after which the caches are the model's own again
ABSENT = 5e-5  # seconds that a thread was away, and others were at its caches
LONG = 5 * CALM  # calls that take longer gain nothing by all this
PATIENCE = 4  # times as many ticks as are wanted
SPIN = 0.02  # seconds that a machine is watched for others
BLOCK = bytes(2**20)


class Clock(NamedTuple):
    mark: Callable[[], Any]
    between: Callable[[Any, Any], tuple[float, float]]  # seconds from one mark to another, and seconds away meanwhile


class Tick(NamedTuple):
    seconds: float
    away: float
    calm: bool  # nobody was there in the meantime, nor shortly before


class Pace(NamedTuple):
    """A turn is over after so many calm `ticks`, of so many `calls` each; or when patience is."""

    calls: int
    ticks: int
    most: int


def main() -> None:
    answer = timed(json.load(sys.stdin))
    print(json.dumps(answer))


def timed(question: dict[str, Any]) -> dict[str, Any]:
    """`times`: seconds per call of each file, tick by tick. `contention`: wall time per CPU time, of the first file's
    turns where they are taken by CPU time, else of a spin before and after. `empty`: seconds of a call of that file."""
    runtime = make(Runtime, question["runtime"])
    clock, by_cpu = _clock(question["clock"]), question["clock"] == "cpu"
    x = np.random.default_rng(0).standard_normal(question["shape"], dtype=np.float32)
    sessions = [runtime.open(Path(file)) for file in question["files"]]
    paces = [_pace(session, x, question["warmup"], clock) for session in sessions]
    before = 0.0 if by_cpu else crowd(runtime.threads)
    ticks: list[list[Tick]] = [[] for _ in sessions]
    places = range(len(sessions))
    for turn in range(question["runs"]):
        for place in places if turn % 2 == 0 else reversed(places):
            ticks[place] += _turn(sessions[place], x, paces[place], clock)
    first = ticks[0]
    after = 1 + sum(t.away for t in first) / sum(t.seconds for t in first) if by_cpu else crowd(runtime.threads)
    return {
        "times": [_calm(t, question["runs"], pace) for t, pace in zip(ticks, paces, strict=True)],
        "calls": [pace.calls * pace.ticks for pace in paces],
        "contention": max(before, after),
        "empty": _empty(runtime, question.get("empty"), x, clock),
    }


def _turn(session: Session, x: Any, pace: Pace, clock: Clock) -> list[Tick]:
    """After the turn of another file, or of another process, the first calls have to fetch their weights again: on a
    loaded machine these made a median too long by a quarter, and by how much depended on the hour."""
    ticks: list[Tick] = []
    calm, found = CALM / 2, 0  # another file leaves more behind than a stranger does
    while found < pace.ticks and len(ticks) < pace.most:
        before = clock.mark()
        for _ in range(pace.calls):
            session(x)
        seconds, away = clock.between(before, clock.mark())
        alone = away < ABSENT
        ticks.append(Tick(seconds, away, alone and calm >= CALM))
        found += ticks[-1].calm
        calm = calm + seconds if alone else 0.0
    return ticks


def _calm(ticks: list[Tick], turns: int, pace: Pace) -> list[float]:
    """Seconds per call of the calm ticks; of all, where hardly a turn had one."""
    calm = [tick for tick in ticks if tick.calm]
    return [tick.seconds / pace.calls for tick in (calm if len(calm) >= turns / 2 else ticks)]


def _pace(session: Session, x: Any, warmup: int, clock: Clock) -> Pace:
    """Long enough turns, long enough ticks. Warms up on the way."""
    for _ in range(warmup):
        session(x)
    many, seconds = 1, 0.0
    while seconds < RUN / 2:
        [tick] = _turn(session, x, Pace(many, 1, 1), clock)
        seconds, each, many = tick.seconds, tick.seconds / many, 2 * many
    calls = max(1, math.ceil(TICK / each))
    ticks = max(1, round(RUN / each / calls))
    settling = math.ceil(CALM / each / calls)
    return Pace(calls, ticks, PATIENCE * (ticks + settling) if each < LONG else 1)


def _empty(runtime: Runtime, file: str | None, x: Any, clock: Clock) -> float | None:
    if file is None:
        return None
    session = runtime.open(Path(file))
    pace = _pace(session, x, 1, clock)
    return median(_calm(_turn(session, x, pace, clock), 1, pace))


def crowd(threads: int) -> float:
    """Wall time per CPU time when so many threads want to work at once: 1 where no one else does."""
    with ThreadPoolExecutor(threads) as pool:
        return max(pool.map(_spin, range(threads)))


def _spin(_: int) -> float:
    w, c = time.perf_counter(), time.thread_time()
    while time.thread_time() - c < SPIN:
        hashlib.sha256(BLOCK)  # does not hold the interpreter
    return (time.perf_counter() - w) / (time.thread_time() - c)


def _clock(name: str) -> Clock:
    """By CPU time of this process, since some runtimes work in a thread of their own; by the wall; or by the GPU."""
    if name == "events":
        return _events()
    if name == "wall":
        return Clock(time.perf_counter, lambda a, b: (b - a, 0.0))

    def mark() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    return Clock(mark, lambda a, b: (b[1] - a[1], max(0.0, b[0] - a[0] - b[1] + a[1])))


def _events() -> Clock:
    """Only a runtime that is torch asks for it, so torch is here already."""
    import torch

    def mark() -> Any:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def between(a: Any, b: Any) -> tuple[float, float]:
        b.synchronize()
        return float(a.elapsed_time(b)) / 1e3, 0.0

    return Clock(mark, between)


if __name__ == "__main__":
    main()
