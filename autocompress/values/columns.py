"""A recipe as flat columns: what a table, a chart of choices and an importance analysis speak of."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from autocompress.values.recipe import Recipe

Cell = str | float | bool
ORDER = "order"  # the column that holds the sequence of the stages
ARROW = " → "  # between them


def columns(recipe: Recipe) -> dict[str, Cell]:
    """`student`, `student.width`, `order`, `prune.ratio`, `distill.method`, ...; only what is part of this recipe."""
    found: dict[str, Cell] = {}
    tree = recipe.tree
    for name, value in tree.items():
        if name != "stages":
            _flatten(name, value, found)
    stages = [stage if isinstance(stage, Mapping) else {"use": stage} for stage in tree["stages"]]
    names = [str(stage.get("use", "stage")) for stage in stages]
    if names:
        found[ORDER] = ARROW.join(names)
    met: Counter[str] = Counter()
    for name, stage in zip(names, stages, strict=True):
        met[name] += 1
        title = name if met[name] == 1 else f"{name}.{met[name]}"
        for key, value in stage.items():
            if key != "use":
                _flatten(f"{title}.{key}", value, found)
    return found


def varied(every: list[dict[str, Cell]]) -> list[str]:
    """The columns that differ between these recipes, in the order in which they are met."""
    names = dict.fromkeys(name for one in every for name in one)
    return [name for name in names if len({(name in one, one.get(name)) for one in every}) > 1]


def _flatten(at: str, value: Any, found: dict[str, Cell]) -> None:
    match value:
        case {"use": name, **rest}:
            found[at] = str(name)
            for key, inner in rest.items():
                _flatten(f"{at}.{key}", inner, found)
        case dict():
            for key, inner in value.items():
                _flatten(f"{at}.{key}", inner, found)
        case list():
            found[at] = ", ".join(map(str, value))
        case None:
            found[at] = "none"
        case bool() | str():
            found[at] = value
        case _:
            found[at] = float(value)
