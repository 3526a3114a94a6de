"""What a trial teaches beside its values: costs that were known of a refused one, how far a stopped one had come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial

NAME = "autocompress:lesson"  # among a trial's system attributes
AIMS = "autocompress:objectives"  # among the mirror's user attributes: their metrics

Costs = list[float | None]  # per objective, to be minimised; None: not known


@dataclass(frozen=True)
class Lesson:
    costs: Costs
    rungs: dict[float, Costs] = field(default_factory=dict)  # share of the training -> costs then
    failed: bool = False

    @property
    def note(self) -> dict[str, Any]:
        rungs = {str(at): costs for at, costs in self.rungs.items()}
        return {"costs": self.costs, "rungs": rungs, "failed": self.failed}


def lesson_of(trial: FrozenTrial) -> Lesson:
    note: Mapping[str, Any] | None = trial.system_attrs.get(NAME)
    if note is None:
        return Lesson([None] * 9)
    return Lesson(note["costs"], {float(at): costs for at, costs in note["rungs"].items()}, note["failed"])
