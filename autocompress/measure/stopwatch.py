"""Time two files against each other in a fresh process: a question as JSON on stdin, every run's time on stdout.

`python -m autocompress.measure.stopwatch`. Torch is never imported: the process does what a device would do, no more.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.measure.runtimes.base import Runtime, Session
from autocompress.plugin import make

SHORTEST = 1e-3  # seconds; a model faster than this is called several times per run


def main() -> None:
    answer = timed(json.load(sys.stdin))
    json.dump(answer, sys.stdout)


def timed(question: dict[str, Any]) -> dict[str, Any]:
    """Seconds per call of the files, by thread CPU time; `wall` and `cpu` are the sums over the candidate's runs."""
    runtime = make(Runtime, question["runtime"])
    x = np.random.default_rng(0).standard_normal(question["shape"], dtype=np.float32)
    sessions = [runtime.open(Path(file)) for file in question["files"]]
    calls = [_calls(session, x, question["warmup"]) for session in sessions]
    times: list[list[float]] = [[] for _ in sessions]
    wall = cpu = 0.0
    places = range(len(sessions))
    for run in range(question["runs"]):
        for place in places if run % 2 == 0 else reversed(places):
            session, many = sessions[place], calls[place]
            w, c = time.perf_counter(), time.thread_time()
            for _ in range(many):
                session(x)
            c, w = time.thread_time() - c, time.perf_counter() - w
            times[place].append(c / many)
            if place == 0:
                wall, cpu = wall + w, cpu + c
    return {"times": times, "calls": calls, "wall": wall, "cpu": cpu}


def _calls(session: Session, x: Any, warmup: int) -> int:
    """How many calls make a run that is long enough to be timed well. Warms up on the way."""
    for _ in range(warmup):
        session(x)
    many = 1
    while True:
        c = time.thread_time()
        for _ in range(many):
            session(x)
        c = time.thread_time() - c
        if c >= SHORTEST / 2:
            return max(1, round(many * SHORTEST / c))
        many *= 2


if __name__ == "__main__":
    main()
