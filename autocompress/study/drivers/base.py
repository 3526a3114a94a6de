"""Who does the work. A driver starts a pool; the study submits jobs, takes events, answers some of them."""

from abc import ABC, abstractmethod
from types import TracebackType

from autocompress.plugin import Plugin
from autocompress.values.job import Event, Job, Work


class Pool(ABC):
    """Every job that is submitted comes back with exactly one `Done`, whatever happens to who worked on it.

    After a `Gated` or a `Rung` its job waits for `answer`. Leaving the `with` block leaves no process behind.
    """

    @abstractmethod
    def room(self) -> int:
        """How many jobs could start right now."""

    @abstractmethod
    def submit(self, job: Job) -> None: ...

    @abstractmethod
    def next(self, timeout: float) -> Event | None:
        """The next event, or None after `timeout` seconds without one."""

    @abstractmethod
    def answer(self, number: int, go_on: bool) -> None: ...

    @abstractmethod
    def clock(self) -> float:
        """Seconds on the clock that the workers live by."""

    @abstractmethod
    def close(self) -> None:
        """Drop what is still running, at once."""

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Driver(Plugin, ABC):
    @abstractmethod
    def start(self, work: Work) -> Pool: ...
