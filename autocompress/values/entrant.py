"""A study as others are held against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from autocompress.values.limit import Objective
from autocompress.values.measurement import Measurement
from autocompress.values.study import StudySpec
from autocompress.values.trial import Trial

Life = Literal["finished", "interrupted", "running"]


@dataclass(frozen=True)
class Entrant:
    """A study at one moment."""

    spec: StudySpec
    trials: tuple[Trial, ...]
    baseline: tuple[Measurement, ...] = ()
    life: Life = "finished"
    processor: str = ""  # of the machine that ran it


def shared(entrants: Sequence[Entrant]) -> tuple[Objective, ...]:
    """What all of them want to improve, in the order of the first."""
    if len(entrants) < 2:
        raise ValueError("name at least two studies")
    wanted = [{(o.metric, o.direction) for o in e.spec.objectives} for e in entrants]
    common = set.intersection(*wanted)
    found = tuple(o for o in entrants[0].spec.objectives if (o.metric, o.direction) in common)
    if len(found) < 2:
        what = f"only {found[0].metric}" if found else "none"
        each = "; ".join(
            f"{e.spec.name}: {', '.join(f'{o.metric} ({o.direction})' for o in e.spec.objectives)}" for e in entrants
        )
        raise ValueError(f"a comparison needs two objectives that all studies share, and these share {what} ({each})")
    return found
