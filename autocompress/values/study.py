"""Everything a run needs to be repeated, as data."""

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autocompress.values.device import Device
from autocompress.values.limit import Limit, Objective
from autocompress.values.recipe import canonical, digest
from autocompress.values.space import Tree

Plug = dict[str, Any]  # {"use": name, **settings}
LONGEST = 63  # letters in the name of a study
NAME = rf"^[a-z0-9][a-z0-9_-]{{0,{LONGEST - 1}}}$"


class Gain(BaseModel):
    """The search has gone stale when its last `over` trainings gained less than this share of hypervolume."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: float = Field(gt=0, lt=1)
    over: int = Field(ge=2)


class Budget(BaseModel):
    """Where asking ends: at whichever comes first. Running trials are finished.

    `trials` counts whole trainings: a refusal is free, a trial that was stopped early pays its share, and the cheap
    variants and other seeds of a trial are not counted, they have caps of their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: int | None = Field(None, ge=0)  # 0: only what waits in the queue
    seconds: float | None = Field(None, gt=0)  # wall clock, of each run
    device_seconds: float | None = Field(None, gt=0)  # of all workers together, over all runs
    gain: Gain | None = None
    variants: int = Field(0, ge=0)  # of each complete trial: other endings that need no training
    replicas: int = Field(1, ge=1)  # seeds that a recipe on the front is trained with, at the end
    validation: int = Field(0, ge=0)  # fresh seeds that tell afterwards which of the front were only lucky

    @model_validator(mode="after")
    def _ends(self) -> "Budget":
        if self.trials is None and self.seconds is None and self.device_seconds is None:
            raise ValueError("a budget needs an end: trials, time or device_time")
        return self

    def __str__(self) -> str:
        """As people say it: `30 trials or 600 s`."""
        ends = [] if self.trials is None else [f"{self.trials} trials" if self.trials else "nothing new is asked for"]
        ends += [] if self.seconds is None else [f"{self.seconds:g} s"]
        ends += [] if self.device_seconds is None else [f"{self.device_seconds:g} s of devices"]
        ends += [] if self.gain is None else [f"{self.gain.over} trials that gain less than {self.gain.least:.1%}"]
        return " or ".join(ends)

    @property
    def most_asked(self) -> float:
        """Where asking ends even if the gate refuses everything."""
        return math.inf if self.trials is None else 10 * self.trials + 50


class StudySpec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME)
    space: Tree
    objectives: tuple[Objective, ...] = Field(min_length=1, max_length=4)
    limits: tuple[Limit, ...] = ()
    device: Device | None = None
    data: Plug = {}
    augment: tuple[Plug, ...] = ()  # what is done to training images, in this order
    teacher: Tree = None  # a recipe without holes: what is distilled from, and the uncompressed baseline
    teachers: dict[str, Tree] = {}  # others to learn from, by name; each may learn from those before it
    sampler: Plug = {"use": "tpe"}
    schedule: Plug = {"use": "flat"}
    source: str = ""  # the study whose models are tried first of all
    first: Literal["known", "nothing"] = "known"  # recipes that everybody would try by hand
    control: Literal["random"] | None = None  # a search by chance for as much device time, to hold the front against
    driver: Plug = {"use": "local"}
    budget: Budget
    seed: int = Field(0, ge=0)

    @property
    def identity(self) -> dict[str, Any]:
        """What may not change while a study goes on. How long it runs and on how many workers may, and who vouches for
        the numbers of its device."""
        return self.model_dump(mode="json", exclude={"driver": True, "budget": True, "device": {"provenance"}})

    def by_chance(self, device_seconds: float) -> "StudySpec":
        """The control: the same question, and nobody clever to answer it."""
        return self.model_copy(
            update={
                "name": f"{self.name[:55]}-control",
                "sampler": {"use": "random"},
                "schedule": {"use": "flat"},
                "first": "nothing",
                "control": None,
                "budget": Budget(device_seconds=device_seconds),
            }
        )

    def once_more(self) -> "StudySpec":
        """The validation: the same question, and only what is put to it is tried."""
        return self.without_a_search().model_copy(update={"name": f"{self.name[:52]}-validation"})

    def without_a_search(self) -> "StudySpec":
        """Nothing is asked for but what is put to it. What breaks a limit is told, not refused."""
        return self.model_copy(
            update={
                "limits": tuple(x.model_copy(update={"hard": False}) for x in self.limits),
                "sampler": {"use": "random"},
                "schedule": {"use": "flat"},
                "source": "",
                "first": "nothing",
                "control": None,
                "budget": Budget(trials=0),
            }
        )

    @property
    def hash(self) -> str:
        return digest("study", canonical(self.identity))


def changes(old: Tree, new: Tree, at: str = "") -> list[str]:
    """What differs between two pieces of plain data, path by path."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(set(old) | set(new))
        return [
            line
            for key in keys
            for line in changes(old.get(key, "(absent)"), new.get(key, "(absent)"), f"{at}.{key}" if at else str(key))
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [line for i, (a, b) in enumerate(zip(old, new, strict=True)) for line in changes(a, b, f"{at}.{i}")]
    if canonical(old) == canonical(new):
        return []
    a, b = _text(old), _text(new)
    if a == b:  # 1 and "1"
        a, b = canonical(old), canonical(new)
    same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return [f"{at}: {_short(a, same)} -> {_short(b, same)}"]


def _text(value: Tree) -> str:
    return value if isinstance(value, str) else canonical(value)


def _short(text: str, same: int) -> str:
    """At most 60 characters, among them the first that differs."""
    if len(text) <= 60:
        return text
    start = 0 if same < 50 else same - 20
    head, tail = "..." if start else "", text[start:]
    return head + (tail if len(head + tail) <= 60 else tail[: 57 - len(head)] + "...")
