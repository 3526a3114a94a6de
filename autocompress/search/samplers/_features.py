"""Filled holes as numbers between which distances mean something, and other fillings near them."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from autocompress.search.samplers._process import Array

Params = Mapping[str, Any]
Holes = Mapping[str, BaseDistribution]

ABSENT = 0.5  # a number that a recipe does not have
APART = math.sqrt(0.5)  # so that two different labels are as far from each other as the ends of a range
STEP = 0.15  # of a range, one standard deviation
FAR = 0.25  # how often a number is drawn anew instead


def rows(fillings: Sequence[Params], holes: Holes) -> Array:
    """A row for each recipe. What it does not use makes no difference."""
    return np.hstack([_columns(name, hole, fillings) for name, hole in holes.items()])


def _columns(name: str, hole: BaseDistribution, fillings: Sequence[Params]) -> Array:
    """One for a number, one for each label of a choice."""
    everywhere = not _above(name)
    used = [row for row, params in enumerate(fillings) if everywhere or is_used(name, params)]
    values = [fillings[row][name] for row in used]
    if isinstance(hole, CategoricalDistribution):
        place = {label: column for column, label in enumerate(hole.choices)}
        columns = np.zeros((len(fillings), len(place)))
        columns[used, [place[value] for value in values]] = APART
        return columns
    assert isinstance(hole, (FloatDistribution, IntDistribution))
    columns = np.full((len(fillings), 1), ABSENT)
    columns[used, 0] = _shares(hole, np.array(values, dtype=float))
    return columns


def is_used(name: str, params: Params) -> bool:
    """Paths say under which options a hole is: `stages.0=prune.ratio` is asked for if `stages.0` is `prune`."""
    return name in params and all(_leads(str(params.get(parent)), rest) for parent, rest in _above(name))


@cache
def _above(name: str) -> list[tuple[str, str]]:
    """The choices that a hole hangs on, each with the rest of the path, which begins with an option of it."""
    parts = name.split("=")
    return [("=".join(parts[:i]), "=".join(parts[i:])) for i in range(1, len(parts))]


@cache
def _leads(label: str, rest: str) -> bool:
    return rest == label or rest.startswith((label + ".", label + "="))


def anything(holes: Holes, random: Random) -> dict[str, Any]:
    return {name: _drawn(hole, random) for name, hole in holes.items()}


def near(params: Params, holes: Holes, random: Random) -> dict[str, Any]:
    """A few of the holes that are used, changed; numbers rather near where they were."""
    used = [name for name in holes if is_used(name, params)]
    changed = dict(params)
    for name in random.sample(used, min(len(used), random.choice((1, 1, 2, 3, 4)))):
        changed[name] = _moved(holes[name], params[name], random)
    return changed


def _moved(hole: BaseDistribution, value: Any, random: Random) -> Any:
    if isinstance(hole, CategoricalDistribution):
        others = [label for label in hole.choices if label != value]
        return random.choice(others) if others else value
    if random.random() < FAR:
        return _drawn(hole, random)
    return _value(hole, random.gauss(_share(hole, value), STEP))


def _drawn(hole: BaseDistribution, random: Random) -> Any:
    if isinstance(hole, CategoricalDistribution):
        return random.choice(hole.choices)
    return _value(hole, random.random())


def _share(hole: BaseDistribution, value: Any) -> float:
    """Where in its range a number is, from 0 to 1."""
    assert isinstance(hole, (FloatDistribution, IntDistribution))
    low, high = _ends(hole)
    at = math.log(value) if hole.log else float(value)
    return (at - low) / (high - low) if high > low else 0.0


def _ends(hole: IntDistribution | FloatDistribution) -> tuple[float, float]:
    return (math.log(hole.low), math.log(hole.high)) if hole.log else (float(hole.low), float(hole.high))


def _shares(hole: IntDistribution | FloatDistribution, values: Array) -> Array:
    """The same for many."""
    low, high = _ends(hole)
    shares: Array = ((np.log(values) if hole.log else values) - low) / (high - low) if high > low else 0.0 * values
    return shares


def _value(hole: BaseDistribution, share: float) -> Any:
    """The number nearest to a place in the range."""
    assert isinstance(hole, (FloatDistribution, IntDistribution))
    low, high = _ends(hole)
    at = low + min(1.0, max(0.0, share)) * (high - low)
    at = math.exp(at) if hole.log else at
    if isinstance(hole, IntDistribution):
        return min(hole.high, hole.low + hole.step * round((at - hole.low) / hole.step))
    if hole.step is not None:
        at = hole.low + hole.step * round((at - hole.low) / hole.step)
    return min(hole.high, max(hole.low, at))
