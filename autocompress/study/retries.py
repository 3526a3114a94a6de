"""Work whose worker died is done again: the machine may have been at fault."""

from collections import Counter
from collections.abc import Iterable

from autocompress.values.trial import Trial

RETRIES = 2  # a third death is the work's own


def lost(trials: Iterable[Trial]) -> list[int]:
    """Trials whose worker died and whose work is owed another try, by the number of the first of them."""
    died: Counter[int] = Counter()
    tried: Counter[int] = Counter()
    for trial in trials:
        first = trial.number if trial.retry_of is None else trial.retry_of
        died[first] += trial.code == "worker_died" and trial.same_as is None
        tried[first] += trial.retry_of is not None
    return [first for first, deaths in died.items() if tried[first] < min(deaths, RETRIES)]
