"""Filled holes as numbers between which distances mean something, and other fillings near them."""

import math
from collections.abc import Mapping, Sequence
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


def features(params: Params, holes: Holes) -> list[float]:
    """What a recipe does not use makes no difference."""
    row: list[float] = []
    for name, hole in holes.items():
        used = is_used(name, params)
        if isinstance(hole, CategoricalDistribution):
            row += [APART if used and params[name] == label else 0.0 for label in hole.choices]
        else:
            row.append(_share(hole, params[name]) if used else ABSENT)
    return row


def rows(fillings: Sequence[Params], holes: Holes) -> Array:
    return np.array([features(params, holes) for params in fillings])


def is_used(name: str, params: Params) -> bool:
    """Paths say under which options a hole is: `stages.0=prune.ratio` is asked for if `stages.0` is `prune`."""
    at = name.find("=")
    while at >= 0:
        parent, rest = name[:at], name[at + 1 :]
        label = str(params.get(parent))
        if not (rest == label or rest.startswith((label + ".", label + "="))):
            return False
        at = name.find("=", at + 1)
    return name in params


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
    assert isinstance(hole, IntDistribution | FloatDistribution)
    low, high, at = (math.log(x) if hole.log else float(x) for x in (hole.low, hole.high, value))
    return (at - low) / (high - low) if high > low else 0.0


def _value(hole: BaseDistribution, share: float) -> Any:
    """The number nearest to a place in the range."""
    assert isinstance(hole, IntDistribution | FloatDistribution)
    low, high = (math.log(x) if hole.log else float(x) for x in (hole.low, hole.high))
    at = low + min(1.0, max(0.0, share)) * (high - low)
    at = math.exp(at) if hole.log else at
    if isinstance(hole, IntDistribution):
        return min(hole.high, hole.low + hole.step * round((at - hole.low) / hole.step))
    if hole.step is not None:
        at = hole.low + hole.step * round((at - hole.low) / hole.step)
    return min(hole.high, max(hole.low, at))
