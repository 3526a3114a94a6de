"""What to make: a student, then the stages done to it, in order."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autocompress.values.space import Tree


def canonical(value: Tree) -> str:
    """One text per value: sorted keys, no spaces, no NaN. Whole floats stay floats (1.0 is not 1)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(*parts: str) -> str:
    """SHA-256 over parts that cannot run into each other."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode()
        h.update(len(data).to_bytes(8, "big"))
        h.update(data)
    return h.hexdigest()


@dataclass(frozen=True)
class Recipe:
    """Plain data, immutable, equal when its text is equal."""

    text: str

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> "Recipe":
        """From a filled space. Stages that are `none` vanish: not doing a thing is not a stage."""
        stages = tree.get("stages")
        if stages in (None, "none"):
            stages = []
        if not isinstance(stages, list):
            raise ValueError(f"stages: wants a list, got {stages!r}")
        return cls(canonical({**tree, "stages": [stage for stage in stages if stage not in (None, "none")]}))

    @cached_property
    def _tree(self) -> dict[str, Any]:
        tree: dict[str, Any] = json.loads(self.text)
        return tree

    @property
    def tree(self) -> dict[str, Any]:
        """A fresh copy: nobody can change a recipe through it."""
        copy: dict[str, Any] = json.loads(self.text)
        return copy

    @property
    def student(self) -> Any:
        return self.tree.get("student")

    @property
    def stages(self) -> list[Any]:
        stages: list[Any] = self.tree["stages"]
        return stages

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """One hash per prefix: `keys[0]` is the student, `keys[-1]` the whole. Equal keys mean equal work so far."""
        head = {k: v for k, v in self._tree.items() if k != "stages"}
        keys = [digest("recipe", canonical(head))]
        for stage in self._tree["stages"]:
            keys.append(digest(keys[-1], canonical(stage)))
        return tuple(keys)

    @property
    def key(self) -> str:
        return self.keys[-1]

    @property
    def line(self) -> str:
        """The recipe in one readable line."""
        parts = [_phrase(v) if k == "student" else f"{k}={_phrase(v)}" for k, v in self._tree.items() if k != "stages"]
        return " → ".join([*parts, *map(_phrase, self._tree["stages"])]) or "(nothing)"


def _phrase(value: Tree) -> str:
    match value:
        case {"use": name, **rest}:
            alone = sum(isinstance(v, dict) for v in rest.values()) == 1  # of several, one must know which is what
            inside = ", ".join(
                _phrase(v) if alone and isinstance(v, dict) else f"{k} {_phrase(v)}" for k, v in rest.items()
            )
            return f"{name}({inside})" if inside else str(name)
        case dict():
            return "{" + ", ".join(f"{k} {_phrase(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_phrase, value)) + "]"
        case None | bool():
            return canonical(value)
        case float():
            return f"{value:.3g}"
    return str(value)
