"""One run of Ray Tune, in a thread. Tune places the workers, begins again what died, and does what the study answers.

Its memory grows with each trial (ray issue 64231), so a tour takes so many jobs and the next ones go on another. Tune's
own resume is not used: the study's store knows more.
"""

import threading
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from autocompress.study.drivers._ray.exchange import Exchange
from autocompress.study.drivers._ray.roles import Answers, Brake, Jobs
from autocompress.study.drivers._ray.route import Route


class Tour:
    """Takes jobs until its route is full; ends by itself after the last of them, or when the exchange closes."""

    def __init__(self, exchange: Exchange, trainable: Any, folder: str, name: str, lives: int) -> None:
        self.route = Route(exchange, lives)
        self.error: Exception | None = None
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=Jobs(self.route),
                scheduler=Answers(self.route),
                num_samples=-1,  # the searcher says when it is over
                reuse_actors=True,
                trial_name_creator=_short,
                trial_dirname_creator=_short,
            ),
            run_config=tune.RunConfig(
                name=name,
                storage_path=folder,
                stop=Brake(self.route),
                failure_config=tune.FailureConfig(max_failures=lives - 1),
                verbose=0,
            ),
        )
        self._thread = threading.Thread(target=self._run, args=(tuner,), name=name, daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    @property
    def full(self) -> bool:
        return self.route.full or self.over

    def join(self, timeout: float) -> None:
        self._thread.join(max(0.0, timeout))

    def _run(self, tuner: tune.Tuner) -> None:
        try:
            tuner.fit()
        except Exception as error:
            self.error = error
        self.route.close(self.error)


def _short(trial: Trial) -> str:
    """Tune would make names from all parameters, longer than a folder's may be."""
    return str(trial.trial_id)
