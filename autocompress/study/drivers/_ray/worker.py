"""A worker's life under Tune: the job's generator, from one question to the next. It is reused for many jobs."""

import os
import sys
import time
from collections.abc import Generator
from typing import Any

from ray import cloudpickle
from ray.tune import Trainable

from autocompress.measure.quiet import together
from autocompress.values.job import Done, Event, Gated, Job, Rung, Work

OFTEN = 1.0  # seconds between two signs of life, at most: each is a journey to the driver and back


class Worker(Trainable):
    """`step` goes on until the study is asked. Being called again means: go on; unless `stop_there` came before."""

    _work: Work
    _running: Generator[Event, bool | None, None]
    _event: Event | None  # the last
    _asked: int  # questions, in this life
    _told: float  # when the driver heard of it
    _go_on: bool

    def setup(
        self, config: dict[str, Any], work: bytes = b"", told: dict[str, str] | None = None, path: tuple[str, ...] = ()
    ) -> None:
        os.environ.update(told or {})  # before the work brings its libraries along
        sys.path += [place for place in path if place not in sys.path]
        self._work = cloudpickle.loads(work)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._running.close()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        said: list[Event] = []
        while True:
            said.append(event := self._advanced())
            asks = isinstance(event, Gated | Rung)
            self._asked += asks
            if asks or isinstance(event, Done) or time.monotonic() - self._told > OFTEN:
                self._told = time.monotonic()
                return {"said": said, "asked": self._asked}

    def stop_there(self) -> None:
        """The answer is no."""
        self._go_on = False

    def cleanup(self) -> None:
        self._running.close()

    def _begin(self, config: dict[str, Any]) -> None:
        job: Job = config["job"]
        self._running = self._work(job)
        self._event = None
        self._asked, self._told, self._go_on = 0, -OFTEN, True

    def _advanced(self) -> Event:
        """One event further. Between two of them others may measure."""
        with together():
            if isinstance(self._event, Gated | Rung):
                self._event, self._go_on = self._running.send(self._go_on), True
            else:
                self._event = next(self._running)
        return self._event
