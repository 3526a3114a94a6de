"""What Tune lets others decide: which trial comes next, whether it goes on, when all is over."""

import math
import time
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.tune import Stopper
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from autocompress.study.drivers._ray.exchange import Question
from autocompress.study.drivers._ray.route import Route

BRIEFLY = 0.05  # seconds that Tune waits for an answer before it looks after other trials
START = 30.0  # seconds that a worker may take to start, with all its libraries
TAIL = 2000  # characters of what Ray says about a death


class Jobs(Searcher):
    """Suggests what the study asked for. Without metric and mode Tune expects none in the results."""

    def __init__(self, route: Route) -> None:
        super().__init__(metric=None, mode=None)
        self._route = route

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        return True

    def suggest(self, trial_id: str) -> Any:
        """None means: ask again soon."""
        job = self._route.next()
        if job is None:
            return Searcher.FINISHED if self._route.ended else None
        return {"job": job}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """With an error: Tune has begun it as often as it may."""
        trial = self._route.trials.pop(trial_id, None)
        if trial is not None and error:
            self._route.exchange.lost(trial.config["job"].number, _death(trial), self._route.lives)

    def save(self, checkpoint_path: str) -> None:
        """Nothing that the study's store does not know."""

    def restore(self, checkpoint_path: str) -> None:
        """Nor is it read."""


class Answers(FIFOScheduler):
    """The study's answer is Tune's decision. While the study thinks, a trial's worker waits: no decision yet."""

    def __init__(self, route: Route) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._route = route
        self._asked: dict[str, Question] = {}
        self._since = math.inf

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        return True

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        self._route.trials[trial.trial_id] = trial

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """It begins again, or is given up: either way it asks nothing now."""
        self._asked.pop(trial.trial_id, None)

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        question = self._route.hear(trial.config["job"].number, result)
        if question is None:
            return TrialScheduler.CONTINUE
        if self._route.exchange.settled(question, BRIEFLY) and not question.last:
            return _decision(trial, question)
        self._asked[trial.trial_id] = question
        return TrialScheduler.NOOP

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """Tune calls it every tenth of a second: answers that took their time are done here."""
        for name in [name for name, question in self._asked.items() if question.answer is not None]:
            trial = self._route.trials[name]
            if not self._asked[name].last:
                _decision(trial, self._asked.pop(name))
                tune_controller._schedule_trial_train(trial)
            elif not self._starting(tune_controller):
                del self._asked[name]
                tune_controller.stop_trial(trial)  # type: ignore[no-untyped-call]
                break  # one at a time, so that each worker finds the next job before Tune sends it home
        chosen: Trial | None = super().choose_trial_to_run(tune_controller)
        return chosen

    def _starting(self, tune_controller: TuneController) -> bool:
        """Whether a worker is on its way: Tune would drop it, and give its trial to the first that is free."""
        began = tune_controller._actor_manager.num_live_actors > len(tune_controller._started_actors)
        self._since = self._since if began else math.inf
        self._since = min(self._since, time.monotonic())
        return began and time.monotonic() - self._since < START


class Brake(Stopper):
    """When the study leaves, everything stops."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._route.exchange.closing


def _decision(trial: Trial, question: Question) -> str:
    """A job that is told to stop goes on too: it has to say how far it came."""
    if question.last:
        return str(TrialScheduler.STOP)
    worker = trial.temporary_state.ray_actor
    if not question.answer and worker is not None:
        worker.stop_there.remote()
    return str(TrialScheduler.CONTINUE)


def _death(trial: Trial) -> str:
    """What Ray says about it, less its names for everything."""
    file = trial.pickled_error_file
    said = str(cloudpickle.loads(Path(file).read_bytes())) if file else ""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("\t")]
    return "its worker died: " + "\n".join(lines)[-TAIL:]
