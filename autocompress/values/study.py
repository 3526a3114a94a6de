"""Everything a run needs to be repeated, as data."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from autocompress.values.device import Device
from autocompress.values.limit import Limit, Objective
from autocompress.values.recipe import canonical, digest
from autocompress.values.space import Tree

Plug = dict[str, Any]  # {"use": name, **settings}


class Budget(BaseModel):
    """`trials` counts the candidates that passed the gate: a refusal costs nothing and is not paid for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: int = Field(ge=1)
    seconds: float | None = Field(None, gt=0)  # wall clock; running trials are finished

    @property
    def most_asked(self) -> int:
        """Where asking ends even if the gate refuses everything."""
        return 10 * self.trials + 50


class StudySpec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
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
    driver: Plug = {"use": "local"}
    budget: Budget
    seed: int = Field(0, ge=0)

    @property
    def identity(self) -> dict[str, Any]:
        """What may not change while a study goes on. How long it runs and on how many workers may."""
        return self.model_dump(mode="json", exclude={"driver", "budget"})

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
