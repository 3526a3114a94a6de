"""What goes out to a worker and what comes back: a job, then events, the last of which is `Done`."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Literal

from autocompress.errors import FailureCode
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe

BASELINE = -1  # the number of the job that makes the teacher and measures it


@dataclass(frozen=True)
class Job:
    """A recipe, how much of its training to spend (0 to 1], and the seed all its randomness comes from."""

    number: int
    recipe: Recipe
    fidelity: float = 1.0
    seed: int = 0
    rungs: tuple[float, ...] = ()  # after which shares of the training the study wants to judge


@dataclass(frozen=True)
class Gated:
    """What is known before any training. The answer says whether to go on."""

    number: int
    measurements: tuple[Measurement, ...]
    seconds: float = 0.0  # since the job began


@dataclass(frozen=True)
class Rung:
    """Accuracy so far, at a share of the training. The answer says whether to go on."""

    number: int
    at: float
    measurements: tuple[Measurement, ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class Progress:
    """For people: nobody answers."""

    number: int
    text: str


@dataclass(frozen=True)
class Outcome:
    """How a job ended. `stopped` means that the study said so; why is the study's to know."""

    state: Literal["complete", "stopped", "failed"]
    measurements: tuple[Measurement, ...] = ()
    artifacts: dict[str, str] = field(default_factory=dict)  # role -> SHA-256 in the study's artifact folder
    seconds: float = 0.0
    stages: int = 0  # stages of the recipe
    cached: int = 0  # of these, taken from the cache
    code: FailureCode | None = None
    message: str = ""


@dataclass(frozen=True)
class Done:
    number: int
    outcome: Outcome


Event = Gated | Rung | Progress | Done
Work = Callable[[Job], Generator["Event", bool | None, None]]
