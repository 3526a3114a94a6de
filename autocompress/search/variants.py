"""One training, many models: endings of a finished trial that need no training of their own."""

import math
from collections.abc import Container
from random import Random

from autocompress.search.known import Params
from autocompress.values.craft import Craft
from autocompress.values.recipe import Recipe
from autocompress.values.space import Choice, Float, Hole, Int, Order, Tree, Value, fill

TRIES = 60  # changes that are looked at for each variant that is wanted


def variants(
    space: Tree, params: Params, craft: Craft, seen: Container[str], many: int, random: Random, *, each: bool = True
) -> list[Params]:
    """Up to `many` recipes of the space that begin as this one does, and then do only what is free.

    They share its work by their keys. Those that differ in what is done come before those that differ in how: unless
    `each` is wanted, one stands for all that do the same.
    """
    own = Recipe.of(fill(space, lambda at, hole: params[at]))
    active = [at for at in asked(space, params) if at.startswith("stages")]
    found: dict[str, tuple[Recipe, Params]] = {}
    for _ in range(TRIES * many):
        changed, recipe = _changed(space, params, active, random)
        if recipe.key in found or recipe.key in seen or recipe.key == own.key or not _cheap(recipe, own, craft):
            continue
        found[recipe.key] = recipe, changed
    best = sorted(found.values(), key=lambda one: _steps(one[0]) == _steps(own))
    if not each:
        kinds = {_names(one[0].stages): one for one in reversed(best)}  # the first of each
        kinds.pop(_names(own.stages), None)
        best = [one for one in best if one in kinds.values()]
    return [changed for _, changed in best[:many]]


def _steps(recipe: Recipe) -> list[str]:
    return [stage["use"] for stage in recipe.stages]


def _names(tree: object) -> tuple[object, ...]:
    """Of all plug-ins in it: what is done, whatever the settings."""
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ()
    own = (tree["use"],) if isinstance(tree, dict) and "use" in tree else ()
    return (*own, *(below for part in parts if (below := _names(part))))


def _cheap(recipe: Recipe, own: Recipe, craft: Craft) -> bool:
    """Whether what it does not share with a finished trial is free."""
    shared = sum(a == b for a, b in zip(recipe.keys, own.keys, strict=False))
    return shared > 0 and all(craft.free(stage) for stage in recipe.stages[shared - 1 :])


def _changed(space: Tree, params: Params, active: list[str], random: Random) -> tuple[Params, Recipe]:
    """One or two things about the stages decided anew, with all that hangs on them."""
    anew = set(random.sample(active, min(len(active), random.choice((1, 1, 2)))))
    changed: Params = {}

    def pick(at: str, hole: Hole) -> Value:
        below_a_change = any(at.startswith((other + "=", other + ".")) for other in anew)
        keep = at in params and at not in anew and not below_a_change
        changed[at] = params[at] if keep else drawn(hole, random)
        return changed[at]

    return changed, Recipe.of(fill(space, pick))


def asked(space: Tree, params: Params) -> list[str]:
    """The holes a recipe has filled."""
    asked: list[str] = []

    def pick(at: str, hole: Hole) -> Value:
        asked.append(at)
        return params[at]

    fill(space, pick)
    return asked


def drawn(hole: Hole, random: Random) -> Value:
    """Any of its values."""
    match hole:
        case Choice() | Order():
            return random.choice(hole.labels)
        case Int(low, high, step, log):
            if log:
                return round(math.exp(random.uniform(math.log(low), math.log(high))))
            return random.randrange(low, high + 1, step)
        case Float(low, high, step, log):
            if log:
                return math.exp(random.uniform(math.log(low), math.log(high)))
            return (
                random.uniform(low, high) if step is None else low + step * random.randint(0, int((high - low) / step))
            )
