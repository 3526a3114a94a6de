"""One job at a time, in this process: for functions that cannot travel, and for debuggers."""

import time
from collections import deque
from collections.abc import Generator

from autocompress.study.drivers.base import Driver, Pool
from autocompress.values.job import Done, Event, Gated, Job, Rung, Work


class Serial(Driver):
    """No worker processes at all."""

    def start(self, work: Work) -> Pool:
        return SerialPool(work)


class SerialPool(Pool):
    def __init__(self, work: Work) -> None:
        self._work = work
        self._running: Generator[Event, bool | None, None] | None = None
        self._ready: deque[Event] = deque()
        self._asked = False  # the job waits for an answer

    def room(self) -> int:
        return 1 if self._running is None else 0

    def submit(self, job: Job) -> None:
        assert self._running is None
        self._running = self._work(job)

    def next(self, timeout: float) -> Event | None:
        if self._running is None or self._asked:
            return None
        return self._took(next(self._running)) if not self._ready else self._took(self._ready.popleft())

    def answer(self, number: int, go_on: bool) -> None:
        assert self._running is not None
        assert self._asked
        self._asked = False
        self._ready.append(self._running.send(go_on))

    def clock(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    def _took(self, event: Event) -> Event:
        self._asked = isinstance(event, Gated | Rung)
        if isinstance(event, Done):
            self._running = None
        return event
