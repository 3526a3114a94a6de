"""A pretend world with its own clock: events happen when the work says they took so long. Nothing waits."""

import heapq
from collections.abc import Generator
from itertools import count

from pydantic import Field

from autocompress.study.drivers.base import Driver, Pool
from autocompress.values.job import Done, Event, Gated, Job, Rung, Work


class Simulated(Driver):
    """For tests and benchmarks of the search itself: a function of its seed alone, thousands of trials a second."""

    workers: int = Field(4, ge=1)

    def start(self, work: Work) -> Pool:
        return SimulatedPool(work, self.workers)


class SimulatedPool(Pool):
    def __init__(self, work: Work, workers: int) -> None:
        self._work = work
        self._workers = workers
        self._now = 0.0
        self._order = count()  # events of the same moment come in the order in which they were made
        self._events: list[tuple[float, int, Event]] = []
        self._jobs: dict[int, tuple[float, Generator[Event, bool | None, None]]] = {}  # when begun, and the work

    def room(self) -> int:
        return self._workers - len(self._jobs)

    def submit(self, job: Job) -> None:
        running = self._work(job)
        self._jobs[job.number] = self._now, running
        self._schedule(job.number, next(running))

    def next(self, timeout: float) -> Event | None:
        if not self._events:
            return None
        self._now, _, event = heapq.heappop(self._events)
        if isinstance(event, Done):
            del self._jobs[event.number]
        elif not isinstance(event, Gated | Rung):
            self._schedule(event.number, next(self._jobs[event.number][1]))
        return event

    def answer(self, number: int, go_on: bool) -> None:
        self._schedule(number, self._jobs[number][1].send(go_on))

    def clock(self) -> float:
        return self._now

    def close(self) -> None:
        for _, running in self._jobs.values():
            running.close()
        self._jobs.clear()
        self._events.clear()

    def _schedule(self, number: int, event: Event) -> None:
        match event:
            case Done():
                took = event.outcome.seconds
            case Gated() | Rung():
                took = event.seconds
            case _:
                took = 0.0
        at = max(self._now, self._jobs[number][0] + took)
        heapq.heappush(self._events, (at, next(self._order), event))
