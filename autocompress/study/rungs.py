"""What each rung has seen, who went on, and who was stopped too early. The same notes give the same decisions."""

from collections.abc import Iterable, Mapping
from typing import Any

from autocompress.search.schedules.base import Costs, Schedule
from autocompress.values.trial import Trial

NOTE = "rung:"  # how a trial's notes about rungs are called

Known = tuple[float | None, ...]  # a cost per objective, then the work it is to run; None: nobody knows it yet


class Rungs:
    """Decisions depend on who came before; so the place in which a trial came is noted with its costs."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.shares = schedule.rungs()
        self.seen: dict[float, dict[int, Known]] = {}
        self._kept: dict[tuple[int, float], bool] = {}
        self._passed: dict[int, float] = {}  # promoted trials: up to where the trial they go on with was judged

    def relive(self, notes: Mapping[int, Mapping[str, Any]]) -> None:
        """From what is stored about all trials, by number."""
        stored = [
            (float(name.removeprefix(NOTE)), note["place"], number, note)
            for number, its in notes.items()
            for name, note in its.items()
            if name.startswith(NOTE)
        ]
        for at, _, number, note in sorted(stored, key=lambda one: one[:3]):
            self._remember(number, at, tuple(note["costs"]), note["kept"])
        for number, its in notes.items():
            if its.get("origin") == "promoted":
                self.continues(number, its["of"])

    def judged(self, number: int, at: float, costs: Known) -> tuple[bool, dict[str, Any]]:
        """Whether to go on, and what to note. Asked again, as after an interruption, it says the same again."""
        if (number, at) not in self._kept:
            seen = {**self.seen.get(at, {}), number: costs}
            self._remember(number, at, costs, self._schedule.keep(number, comparable(seen)))
        kept = self._kept[number, at]
        place = list(self.seen[at]).index(number)
        return kept, {f"{NOTE}{at!r}": {"costs": list(self.seen[at][number]), "place": place, "kept": kept}}

    def promote(self, trials: Iterable[Trial]) -> int | None:
        """A stopped trial that by now deserves to go on, the one that came farthest first."""
        if not self.seen:
            return None
        every = list(trials)
        gone = {t.of for t in every if t.origin == "promoted"}
        stopped = {t.number for t in every if t.state == "stopped"} - gone
        for at in reversed(self.shares):
            seen = self.seen.get(at, {})
            here = {n for n in seen if n in stopped and not self._kept[n, at]}
            if here and (found := self._schedule.promoted(here, comparable(seen))) is not None:
                return found
        return None

    def continues(self, number: int, stopped: int) -> None:
        """A new trial goes on where another was stopped: its rungs up to there are behind it."""
        self._passed[number] = self.share(stopped)

    def share(self, number: int) -> float:
        """How much of its training a trial had when it was last judged."""
        return max((at for at, seen in self.seen.items() if number in seen), default=self._passed.get(number, 0.0))

    def of(self, number: int) -> dict[float, list[float | None]]:
        """What was known of a trial at each of its rungs."""
        return {at: list(seen[number]) for at, seen in self.seen.items() if number in seen}

    def begun(self, number: int) -> float:
        """How much of its training a trial found done."""
        return self._passed.get(number, 0.0)

    def _remember(self, number: int, at: float, costs: Known, kept: bool) -> None:
        self.seen.setdefault(at, {})[number] = costs
        self._kept[number, at] = kept


def comparable(seen: Mapping[int, Known]) -> dict[int, Costs]:
    """Only in what is known of everybody; if that is not every objective, the work to be done stands in, the last."""
    last = len(next(iter(seen.values()))) - 1
    columns = [i for i in range(last + 1) if all(costs[i] is not None for costs in seen.values())]
    if set(columns) >= set(range(last)):
        columns = list(range(last))
    return {number: tuple(costs[i] or 0.0 for i in columns) for number, costs in seen.items()}
