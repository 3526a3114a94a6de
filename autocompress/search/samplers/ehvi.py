"""Where the front is expected to gain most, by models of every objective that learn from all that was seen."""

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Annotated, Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState
from pydantic import Field
from scipy.special import ndtr

from autocompress.search.lesson import AIMS, Lesson, lesson_of
from autocompress.search.samplers._features import Holes, anything, near, rows
from autocompress.search.samplers._process import Array, Process, told
from autocompress.search.samplers.base import Sampler
from autocompress.values.hypervolume import nondominated

MOST = 300  # trials that a model is made from, the last ones
POOL = 300  # candidates drawn at random, and as many near the front
LOCAL = 150  # then so many near the best of them, twice
POINTS = 400  # of the objectives' space, that a candidate may win
ALIKE = 3  # complete trials, at least, that tell what becomes of those that were stopped
NEAREST = 8  # of them, by what they cost when they were judged
NOTHING = (None,) * 9  # is known of a rung that a trial was not judged at
MARGIN = 0.1  # by which the space of the objectives is larger than what was seen

Known = list[tuple[int, float, float]]  # which trial, its value, the standard error of it


class Ehvi(Sampler):
    """Expected hypervolume improvement over Gaussian processes (Emmerich et al. 2006, doi:10.1109/TEVC.2005.859463).

    Refused and stopped trials teach it too: what they would cost on the device was known.
    """

    startup: Annotated[int, Field(ge=2)] = 8  # complete trials before it begins to learn

    def build(self, seed: int) -> BaseSampler:
        return _Sampler(seed, self.startup)


class _Sampler(BaseSampler):
    def __init__(self, seed: int, startup: int) -> None:
        self._random, self._seed, self._startup = Random(seed), seed, startup
        self._blind = RandomSampler(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < self._startup:
            return {}
        return complete[-1].distributions  # all trials have all holes

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        holes = {name: search_space[name] for name in sorted(search_space)}
        seen = [
            t for t in study.get_trials(deepcopy=False) if t.number != trial.number and holes.keys() <= t.params.keys()
        ]
        aims = study.user_attrs.get(AIMS, [""] * len(study.directions))
        return Outlook(seen, aims, holes, self._seed).best(self._random)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._blind.sample_independent(study, trial, param_name, param_distribution)


class Outlook:
    """What to expect of any recipe, from what became of those that were seen."""

    def __init__(self, seen: Sequence[FrozenTrial], aims: Sequence[str], holes: Holes, seed: int) -> None:
        self._holes = holes
        ended = [t for t in seen if t.state.is_finished()][-MOST:]
        lessons = [lesson_of(t) for t in ended]
        points = rows([t.params for t in ended], holes)
        limits = sorted({name for t in ended for name in t.constraints})
        told_of = [_costs(lessons, j) for j in range(len(aims))]
        same = dict(zip(aims, told_of, strict=True))
        known = told_of + [_breaches(ended, name, same.get(name, [])) for name in limits]
        if any(x.failed for x in lessons):  # like a limit: whether it works at all
            known.append([(i, 1.0 if x.failed else -1.0, 0.0) for i, x in enumerate(lessons)])
        models = _models(points, known)
        self._aims, self._limits = models[: len(aims)], models[len(aims) :]
        done = [(t, x) for t, x in zip(ended, lessons, strict=True) if t.state == TrialState.COMPLETE]
        fits = [(t, x) for t, x in done if all(c <= 0 for c in t.constraints.values())] or done
        costs = np.array([x.costs for _, x in fits], dtype=float)
        best = nondominated(costs)
        self._front = [dict(t.params) for (t, _), kept in zip(fits, best, strict=True) if kept]
        running = [t.params for t in seen if t.state == TrialState.RUNNING]
        taken = np.vstack([costs[best], *([self._foretold(running)] if running else [])])
        self._open = _unclaimed(np.array([x.costs for _, x in done], dtype=float), taken, seed)

    def best(self, random: Random) -> dict[str, Any]:
        """The most promising of many candidates, and then of those near it."""
        pool = [anything(self._holes, random) for _ in range(POOL)]
        pool += [near(random.choice(self._front), self._holes, random) for _ in range(POOL)]
        for _ in range(2):
            ranked = np.argsort(-self._gain(pool), kind="stable")
            ahead = [pool[i] for i in ranked[:10]]
            pool = ahead + [near(random.choice(ahead), self._holes, random) for _ in range(LOCAL)]
        return pool[int(np.argmax(self._gain(pool)))]

    def _gain(self, fillings: list[dict[str, Any]]) -> Array:
        """The share of the open points that a candidate wins, if it keeps all limits, times how likely it does."""
        expected = self._expected([*self._aims, *self._limits], rows(fillings, self._holes))
        wins = np.ones((len(fillings), len(self._open)))
        for j, (mean, doubt) in enumerate(expected[: len(self._aims)]):
            wins *= ndtr((self._open[None, :, j] - mean[:, None]) / doubt[:, None])
        gain: Array = wins.sum(axis=1)
        for model, (breach, spread) in zip(self._limits, expected[len(self._aims) :], strict=True):
            if model is not None:
                gain = gain * ndtr(-breach / spread)
        return gain

    def _foretold(self, fillings: Sequence[dict[str, Any]]) -> Array:
        """What they will cost, one column per objective."""
        return np.stack([cost for cost, _ in self._expected(self._aims, rows(fillings, self._holes))], axis=1)

    def _expected(self, models: Sequence[Process | None], points: Array) -> list[tuple[Array, Array]]:
        """Values and their standard errors; where nothing is known, any."""
        found = iter(told([model for model in models if model is not None], points))
        unknown = np.zeros(len(points)), np.ones(len(points))
        return [unknown if model is None else next(found) for model in models]


def _models(points: Array, told: Sequence[Known]) -> list[Process | None]:
    """One for each list of what is known. Those that are known of the same points are made together."""
    alike: dict[tuple[tuple[int, ...], tuple[float, ...]], list[int]] = {}
    for i, known in enumerate(told):
        if len(known) >= 2:
            which, _, doubts = zip(*known, strict=True)
            alike.setdefault((which, doubts), []).append(i)
    models: list[Process | None] = [None] * len(told)
    for (which, doubts), those in alike.items():
        columns = [np.array([value for _, value, _ in told[i]]) for i in those]
        made = Process.several(points[list(which)], columns, np.array(doubts))
        for i, model in zip(those, made, strict=True):
            models[i] = model
    return models


def _costs(lessons: Sequence[Lesson], objective: int) -> Known:
    """(trial, cost, standard error); of a stopped trial what those came to that were like it then and went on."""
    found = []
    grown = cache(lambda at: _grown(lessons, objective, at))
    for i, lesson in enumerate(lessons):
        cost = lesson.costs[objective]
        if cost is not None:
            found.append((i, cost, 0.0))
        elif lesson.rungs:
            at = max(lesson.rungs)
            so_far, (then, more) = lesson.rungs[at][objective], grown(at)
            if so_far is not None and len(more) >= ALIKE:
                nearest = more[np.argsort(np.abs(then - so_far), kind="stable")[:NEAREST]]
                found.append((i, so_far + float(nearest.mean()), float(nearest.std()) + 1e-9))
    return found


def _grown(lessons: Sequence[Lesson], objective: int, at: float) -> tuple[Array, Array]:
    """Costs at a rung, and by how much they have changed until the end."""
    pairs = [
        (then, end - then)
        for lesson in lessons
        if (end := lesson.costs[objective]) is not None
        and (then := lesson.rungs.get(at, NOTHING)[objective]) is not None
    ]
    columns = np.array(pairs, dtype=float).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def _breaches(trials: Sequence[FrozenTrial], limit: str, costs: Known) -> Known:
    """How far from a limit; what is exactly on it was not measured. If it limits an objective, of which it is known
    what a stopped trial would have come to, then as far as those that did come to it."""
    found = {i: by for i, t in enumerate(trials) if (by := t.constraints.get(limit, 0.0)) != 0.0}
    known = [(i, by, 0.0) for i, by in found.items()]
    pairs = sorted((cost, found[i]) for i, cost, _ in costs if i in found)
    if len(pairs) < ALIKE:
        return known
    at, breach = np.array(pairs).T
    for i, cost, doubt in costs:
        if i not in found:
            low, by, high = np.interp([cost - doubt, cost, cost + doubt], at, breach)
            known.append((i, float(by), abs(float(high - low)) / 2 + 1e-9))
    return sorted(known)


def _unclaimed(seen: Array, taken: Array, seed: int) -> Array:
    """Points between the best and the worst that was seen which nobody has won yet."""
    low, high = seen.min(axis=0), seen.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    draw = np.random.default_rng(seed)
    points = low - MARGIN * span + draw.random((4 * POINTS, seen.shape[1])) * (1 + MARGIN) * span
    won = (taken[None, :, :] <= points[:, None, :]).all(axis=2).any(axis=1)
    rest: Array = points[~won] if not won.all() else points
    return rest[:POINTS]
