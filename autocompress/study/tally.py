"""Where the trials of a study went."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from autocompress.values.trial import Trial

RETRIES = 2  # of work whose worker died: that may be the machine's fault, a third time it is not


@dataclass
class Tally:
    complete: int = 0
    infeasible: int = 0
    stopped: int = 0
    failed: int = 0
    stages: int = 0
    cached: int = 0  # of these stages, taken from the cache
    seconds: float = 0.0  # of work
    refused_by: Counter[str] = field(default_factory=Counter)  # limit -> trials refused for it
    codes: Counter[str] = field(default_factory=Counter)  # why trials failed

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> "Tally":
        tally = cls()
        for trial in trials:
            tally.add(trial)
        return tally

    @property
    def ended(self) -> int:
        return self.complete + self.infeasible + self.stopped + self.failed

    def add(self, trial: Trial) -> None:
        if trial.state in ("waiting", "running"):
            return
        setattr(self, trial.state, getattr(self, trial.state) + 1)
        self.stages += trial.stages
        self.cached += trial.cached
        self.seconds += trial.seconds
        if trial.state == "infeasible":
            self.refused_by.update(trial.broken.keys())
        if trial.code is not None:
            self.codes[trial.code] += 1


def lost(trials: Iterable[Trial]) -> list[int]:
    """Trials whose worker died and whose work is owed another try, by the number of the first of them."""
    died: Counter[int] = Counter()
    tried: Counter[int] = Counter()
    for trial in trials:
        first = trial.number if trial.retry_of is None else trial.retry_of
        died[first] += trial.code == "worker_died"
        tried[first] += trial.retry_of is not None
    return [first for first, deaths in died.items() if tried[first] < min(deaths, RETRIES)]
