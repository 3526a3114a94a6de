"""What everybody would try by hand comes first: it is what the search has to beat."""

import math
from itertools import permutations

from autocompress.values.craft import TECHNIQUES, Craft
from autocompress.values.recipe import Recipe
from autocompress.values.space import Choice, Float, Hole, Int, Order, Tree, Value, fill

Params = dict[str, Value]
Sequence = tuple[str, ...]

WISHES: tuple[Sequence, ...] = (
    (),  # the student as it is
    ("quantization",),
    ("pruning", "distillation"),
    ("distillation", "pruning", "quantization"),
    ("pruning", "distillation", "quantization"),
    ("pruning", "quantization", "distillation"),
)
ROUNDS = 4  # over all choices of a space; each settles what depends on those before


def known(space: Tree, craft: Craft) -> list[Params]:
    """The student untouched; quantized only; pruned and taught; all three in the orders people use.

    As cheap as the space allows, ranges in their middle. What the space has no room for is left out.
    """
    found: dict[str, Params] = {}
    for wish in WISHES:
        params, recipe = _closest(space, craft, wish)
        if _techniques(recipe, craft) == wish:
            found.setdefault(recipe.key, params)
    return list(found.values())


def every_way(space: Tree, craft: Craft) -> dict[Sequence, Params]:
    """The same for each technique alone and for any of them together, in every order that the space has room for."""
    ways = [way for many in range(len(TECHNIQUES) + 1) for way in permutations(TECHNIQUES, many)]
    found = {way: _closest(space, craft, way) for way in ways}
    return {way: params for way, (params, recipe) in found.items() if _techniques(recipe, craft) == way}


def _closest(space: Tree, craft: Craft, wish: Sequence) -> tuple[Params, Recipe]:
    """One choice after another, whatever brings a recipe nearest to the wish."""
    chosen: Params = {}
    for _ in range(ROUNDS):
        before = dict(chosen)
        for at, hole in _branches(space, chosen):
            options = [{**chosen, at: label} for label in hole.labels]
            chosen = min(options, key=lambda option: _distance(space, craft, wish, option))
        if chosen == before:
            break
    return _filled(space, chosen)


def _distance(space: Tree, craft: Craft, wish: Sequence, chosen: Params) -> tuple[int, bool, int, int]:
    _, recipe = _filled(space, chosen)
    did = _techniques(recipe, craft)
    stages = recipe.stages
    return (
        len(set(did) ^ set(wish)) + len(did) - len(set(did)),
        did != wish,
        sum(not craft.free(stage) for stage in stages),
        len(stages),
    )


def _techniques(recipe: Recipe, craft: Craft) -> Sequence:
    """In the order in which a recipe turns to them."""
    return tuple(name for stage in recipe.stages for name in TECHNIQUES if name in craft.techniques(stage))


def _branches(space: Tree, chosen: Params) -> list[tuple[str, Choice | Order]]:
    """The choices among stages that a recipe has come to."""
    seen: list[tuple[str, Choice | Order]] = []

    def pick(at: str, hole: Hole) -> Value:
        if isinstance(hole, Choice | Order) and at.startswith("stages"):
            seen.append((at, hole))
        return chosen.get(at, middle(hole))

    fill(space, pick)
    return seen


def _filled(space: Tree, chosen: Params) -> tuple[Params, Recipe]:
    params: Params = {}

    def pick(at: str, hole: Hole) -> Value:
        params[at] = chosen.get(at, middle(hole))
        return params[at]

    return params, Recipe.of(fill(space, pick))


def middle(hole: Hole) -> Value:
    """A value nobody has to argue for."""
    match hole:
        case Choice() | Order():
            return hole.labels[0]
        case Int(low, high, step, log):
            at = math.sqrt(low * high) if log else (low + high) / 2
            return min(high - (high - low) % step, low + step * round((at - low) / step))
        case Float(low, high, step, log):
            at = math.sqrt(low * high) if log else (low + high) / 2
            return at if step is None else min(high, low + step * round((at - low) / step))
