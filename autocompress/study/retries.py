"""Work that was lost with its worker, or for want of a store, is done again: the machine may have been at fault."""

from collections import Counter
from collections.abc import Iterable

from autocompress.values.trial import Trial

LOST = ("worker_died", "store_away")
RETRIES = 2  # a third death is the work's own


def lost(trials: Iterable[Trial]) -> list[int]:
    """Trials that were lost and whose work is owed another try, by the number of the first of them."""
    died: Counter[int] = Counter()
    tried: Counter[int] = Counter()
    for trial in trials:
        first = trial.number if trial.retry_of is None else trial.retry_of
        died[first] += trial.code in LOST and trial.same_as is None
        tried[first] += trial.retry_of is not None
    return [first for first, deaths in died.items() if tried[first] < min(deaths, RETRIES)]
