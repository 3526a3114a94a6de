"""The jobs of one tour: which wait and which are at work. The study gives them, Tune takes them."""

from collections import deque
from typing import Any

from ray.tune.experiment import Trial

from autocompress.study.drivers._ray.exchange import Exchange, Question
from autocompress.values.job import Job

MOST = 500  # jobs on one tour


class Route:
    """`lives`: how often a job is begun, if its workers die."""

    def __init__(self, exchange: Exchange, lives: int) -> None:
        self.exchange, self.lives = exchange, lives
        self.trials: dict[str, Trial] = {}  # Tune's, of jobs that are not done
        self.heard = False
        self._waiting: deque[Job] = deque()
        self._given: list[int] = []
        self._gone = False

    def __deepcopy__(self, memo: object) -> "Route":
        """Tune copies those who hold it; there is one."""
        return self

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Tune saves those who hold it, to go on after a crash. Nobody reads that."""
        return object, ()

    # --- the study's side ---

    @property
    def full(self) -> bool:
        return len(self._given) >= MOST

    def give(self, job: Job) -> None:
        with self.exchange.moved:
            if self._gone:
                self.exchange.again.append(job)
                return
            self._given.append(job.number)
            self._waiting.append(job)
            self.exchange.moved.notify_all()

    def at_work(self) -> list[Any]:
        """Their actors."""
        actors = [trial.temporary_state.ray_actor for trial in list(self.trials.values())]
        return [actor for actor in actors if actor is not None]

    # --- Tune's side ---

    @property
    def ended(self) -> bool:
        return self.exchange.closing or (self.full and not self._waiting)

    def next(self) -> Job | None:
        """With no trial to look after there is nothing to do but to wait for one."""
        with self.exchange.moved:
            if not self.trials:
                self.exchange.moved.wait_for(lambda: self._waiting or self.ended)
            return self._waiting.popleft() if self._waiting and not self.exchange.closing else None

    def hear(self, number: int, result: dict[str, Any]) -> Question | None:
        self.heard = True
        return self.exchange.hear(number, result["said"], result["asked"])

    def close(self, error: Exception | None) -> None:
        """Whatever is open still, its job is not to blame."""
        with self.exchange.moved:
            self._gone = True
        for number in self._given:
            self.exchange.lost(number, f"Ray Tune broke down: {error!r}", self.lives, innocent=True)
