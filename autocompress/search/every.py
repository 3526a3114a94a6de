"""Every recipe of a space that has an end, in the order in which it is written down; and a space made of recipes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from autocompress.search.known import Params
from autocompress.values.recipe import Recipe, canonical
from autocompress.values.space import Choice, Float, Hole, Int, Order, Tree, Value, fill, parse

MOST = 2000  # recipes; whoever wants more wants a search


def every(space: Tree) -> list[Params]:
    """How to fill it, each recipe once. A ValueError names what has no end, or says how many there would be."""
    found: dict[str, Params] = {}
    for params, tree in _fillings(space):
        found.setdefault(Recipe.of(tree).key, params)
        if len(found) > MOST:
            raise ValueError(f"there are more than {MOST:,} recipes in it; search it instead")
    return list(found.values())


def listed(recipes: Sequence[Mapping[str, Tree]]) -> tuple[Tree, list[Params]]:
    """A space that holds these recipes, and how to fill it for each of them. They need not have anything in common."""
    students = [one["student"] for one in recipes]
    longest = max(len(one["stages"]) for one in recipes)
    columns = [[(list(one["stages"]) + [None] * longest)[i] for one in recipes] for i in range(longest)]
    (student, first), *rest = [_slot(students), *map(_slot, columns)]
    space = {"student": student, "stages": [hole for hole, _ in rest]}
    places = {"student": first, **{f"stages.{i}": labels for i, (_, labels) in enumerate(rest)}}
    return space, [{at: labels[k] for at, labels in places.items() if labels} for k in range(len(recipes))]


def _slot(options: Sequence[Tree]) -> tuple[Tree, list[str]]:
    """One place of a recipe: a choice among what different recipes have there, and what each of them takes."""
    different = {canonical(option): option for option in options}
    if len(different) == 1:
        return options[0], []
    labels = dict(zip(different, _labels(list(different.values())), strict=True))
    return {"choice": list(different.values())}, [labels[canonical(option)] for option in options]


def _labels(options: list[Tree]) -> tuple[str, ...]:
    hole = parse({"choice": options})
    assert isinstance(hole, Choice)
    return hole.labels


def _fillings(space: Tree) -> Iterator[tuple[Params, Tree]]:
    """Like the wheels of a counter: what is asked for last turns first."""
    turned: list[int] | None = []
    while turned is not None:
        params: Params = {}
        sizes: list[int] = []  # of the wheels that this recipe has
        yield params, fill(space, partial(_read, turned, sizes, params))
        turned = _next(turned, sizes)


def _read(turned: list[int], sizes: list[int], params: Params, at: str, hole: Hole) -> Value:
    values = _values(at, hole)
    place = turned[len(sizes)] if len(sizes) < len(turned) else 0
    sizes.append(len(values))
    params[at] = values[place]
    return params[at]


def _next(turned: list[int], sizes: list[int]) -> list[int] | None:
    """None after the last. Wheels behind the one that turns are other ones, or begin again."""
    places = turned + [0] * (len(sizes) - len(turned))
    while places and places[-1] + 1 == sizes[len(places) - 1]:
        places.pop()
    return [*places[:-1], places[-1] + 1] if places else None


def _values(at: str, hole: Hole) -> tuple[Value, ...]:
    match hole:
        case Choice() | Order():
            return hole.labels
        case Int(low, high, step):
            return tuple(range(low, high + 1, step))
        case Float(low, high, step) if step is not None:
            many = math.floor((high - low) / step + 1e-9) + 1
            return tuple(float(f"{low + i * step:.12g}") for i in range(many))
    raise ValueError(f"{at}: a range of all numbers has no end; write a choice, or give it a step")
