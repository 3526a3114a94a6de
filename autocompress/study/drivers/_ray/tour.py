"""One run of Ray Tune, in a thread. Tune places the workers, begins again what died, and does what the study answers.

Its memory grows with each trial (ray issue 64231), so a tour takes so many jobs and the next ones go on another. Tune's
own resume is not used: the study's store knows more.
"""

import threading
from collections import deque
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from autocompress.study.drivers._ray.exchange import Exchange, Question
from autocompress.study.drivers._ray.roles import Answers, Brake, Jobs
from autocompress.values.job import Job

MOST = 500  # jobs on one tour


class Tour:
    """Takes jobs until it is full; ends by itself after the last of them, or when the exchange closes.

    `lives`: how often a job is begun, if its workers die.
    """

    def __init__(self, exchange: Exchange, trainable: Any, folder: str, name: str, lives: int) -> None:
        self.exchange, self.lives = exchange, lives
        self.waiting: deque[Job] = deque()
        self.trials: dict[str, Trial] = {}  # Tune's, of jobs that are not done
        self.error: Exception | None = None
        self.heard = False
        self._mine: list[int] = []
        self._gone = False
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=Jobs(self),
                scheduler=Answers(self),
                num_samples=-1,  # the searcher says when it is over
                reuse_actors=True,
                trial_name_creator=_short,
                trial_dirname_creator=_short,
            ),
            run_config=tune.RunConfig(
                name=name,
                storage_path=folder,
                stop=Brake(self),
                failure_config=tune.FailureConfig(max_failures=lives - 1),
                verbose=0,
            ),
        )
        self._thread = threading.Thread(target=self._run, args=(tuner,), name=name, daemon=True)
        self._thread.start()

    def __deepcopy__(self, memo: object) -> "Tour":
        """Tune copies those who hold it; there is one."""
        return self

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Tune saves those who hold it, to go on after a crash. Nobody reads that."""
        return object, ()

    # --- the study's side ---

    @property
    def full(self) -> bool:
        return len(self._mine) >= MOST or self.over

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def give(self, job: Job) -> None:
        with self.exchange.moved:
            if self._gone:
                self.exchange.again.append(job)
                return
            self._mine.append(job.number)
            self.waiting.append(job)
            self.exchange.moved.notify_all()

    def at_work(self) -> list[Any]:
        """Their actors."""
        actors = [trial.temporary_state.ray_actor for trial in list(self.trials.values())]
        return [actor for actor in actors if actor is not None]

    def join(self, timeout: float) -> None:
        self._thread.join(max(0.0, timeout))

    # --- Tune's side ---

    @property
    def ended(self) -> bool:
        return self.exchange.closing or (len(self._mine) >= MOST and not self.waiting)

    def next(self) -> Job | None:
        """With no trial to look after there is nothing to do but to wait for one."""
        with self.exchange.moved:
            if not self.trials:
                self.exchange.moved.wait_for(lambda: self.waiting or self.ended)
            return self.waiting.popleft() if self.waiting and not self.exchange.closing else None

    def hear(self, number: int, result: dict[str, Any]) -> Question | None:
        self.heard = True
        return self.exchange.hear(number, result["said"], result["asked"])

    def _run(self, tuner: tune.Tuner) -> None:
        try:
            tuner.fit()
        except Exception as error:
            self.error = error
        with self.exchange.moved:
            self._gone = True
        for number in self._mine:  # whatever is open still, its job is not to blame
            self.exchange.lost(number, f"Ray Tune broke down: {self.error!r}", self.lives, innocent=True)


def _short(trial: Trial) -> str:
    """Tune would make names from all parameters, longer than a folder's may be."""
    return str(trial.trial_id)
