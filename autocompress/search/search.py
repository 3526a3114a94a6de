"""Ask for a recipe, tell what became of it: Optuna behind two verbs.

The questions are put to a study in memory that mirrors the stored one, trial by trial. Suggesting 25 values there costs
no transaction; the study's owner stores each finished answer at once.
"""

import copy
import warnings
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState

from autocompress.search.lesson import AIMS, NAME, Lesson
from autocompress.search.samplers.base import Sampler
from autocompress.values.limit import Objective
from autocompress.values.recipe import Recipe, digest
from autocompress.values.space import Choice, Float, Hole, Int, Order, Tree, Value, fill, holes

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Search:
    """Holds no truth: built anew from the stored trials, it gives the answers it would have given."""

    def __init__(
        self,
        space: Tree,
        objectives: Sequence[Objective],
        sampler: Sampler,
        seed: int,
        history: Iterable[FrozenTrial] = (),
    ) -> None:
        self._space = space
        self._sampler = sampler
        self._seed = seed
        self._study = optuna.create_study(directions=[o.direction for o in objectives], sampler=RandomSampler(0))
        self._study.set_user_attr(AIMS, [o.metric for o in objectives])
        self._open: dict[int, optuna.Trial] = {}
        self._waiting: deque[int] = deque()  # in the order in which they were put there
        for frozen in history:
            self._study.add_trial(_lesson(frozen))
            if frozen.state == TrialState.WAITING:
                self._waiting.append(frozen.number)
            if frozen.state == TrialState.RUNNING:
                self._open[frozen.number] = self._reopened(frozen.number)

    def ask(self, attributes: Mapping[str, Any] | None = None) -> tuple[Recipe, FrozenTrial]:
        """The next recipe, and the trial to store for it."""
        number = self._next_number()
        seed = _seed(self._seed, number)
        self._study.sampler = RandomSampler(seed) if self._is_settled(number) else self._sampler.build(seed)
        with warnings.catch_warnings():  # that a value was drawn independently: it is, in conditional spaces
            warnings.simplefilter("ignore")
            trial = self._study.ask()
            picked = self._picked(trial)
        assert trial.number == number
        if self._waiting:
            self._waiting.popleft()
        recipe = Recipe.of(fill(self._space, lambda path, hole: picked[path]))
        for name, value in {"recipe": recipe.text, **(attributes or {}), **trial.user_attrs}.items():
            trial.set_user_attr(name, value)
        self._open[number] = trial
        return recipe, self._frozen(number)

    def tell(
        self,
        number: int,
        state: TrialState,
        values: Sequence[float] | None,
        constraints: Mapping[str, float],
        lesson: Lesson | None = None,
    ) -> FrozenTrial:
        """The end of a trial. Constraints are set once; those a killed process had set already hold the same values."""
        trial = self._open.pop(number)
        known = self._frozen(number).constraints
        for name, value in constraints.items():
            if name not in known:
                trial.set_constraint(name, value)
        if lesson is not None:
            self._study._storage.set_trial_system_attr(trial._trial_id, NAME, lesson.note)
        seen = TrialState.PRUNED if state == TrialState.FAIL else state
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frozen = self._study.tell(trial, values, seen)
        frozen.state = state
        return frozen

    def enqueue(self, params: Mapping[str, Value], attributes: Mapping[str, Any]) -> FrozenTrial:
        """Ask for these very values next."""
        self._study.enqueue_trial(dict(params), user_attrs=dict(attributes))
        frozen = self._study.get_trials(deepcopy=False)[-1]
        self._waiting.append(frozen.number)
        return frozen

    def _picked(self, trial: optuna.Trial) -> dict[str, Value]:
        picked: dict[str, Value] = {}

        def suggest(path: str, hole: Hole) -> Value:
            picked[path] = suggested(trial, path, hole)
            return picked[path]

        if self._sampler.encoding == "flat":
            for path, hole in holes(self._space):
                suggest(path, hole)
        else:
            fill(self._space, suggest)
        return picked

    def _next_number(self) -> int:
        return self._waiting[0] if self._waiting else len(self._study.get_trials(deepcopy=False))

    def _is_settled(self, number: int) -> bool:
        """Whether its whole recipe was wished for: what is left to be drawn is of no use to it."""
        trials = self._study.get_trials(deepcopy=False)
        wished = trials[number].system_attrs.get("fixed_params", {}) if number < len(trials) else {}
        try:
            fill(self._space, lambda path, hole: wished[path])
        except KeyError:
            return False
        return True

    def _frozen(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    def _reopened(self, number: int) -> optuna.Trial:
        """A handle on a trial that was running when the study was interrupted. Its values are not drawn again."""
        self._study.sampler = RandomSampler(0)
        return optuna.Trial(self._study, self._frozen(number)._trial_id)


def _lesson(frozen: FrozenTrial) -> FrozenTrial:
    """Samplers forget failed trials and ask for the like again and again; from pruned ones they learn to stay away."""
    if frozen.state != TrialState.FAIL:
        return frozen
    lesson = copy.copy(frozen)
    lesson.state = TrialState.PRUNED
    return lesson


def suggested(trial: optuna.Trial, path: str, hole: Hole) -> Value:
    """A hole in Optuna's words."""
    match hole:
        case Choice() | Order():
            label: str = trial.suggest_categorical(path, hole.labels)
            return label
        case Int():
            return trial.suggest_int(path, hole.low, hole.high, log=hole.log, step=hole.step)
        case Float():
            return trial.suggest_float(path, hole.low, hole.high, log=hole.log, step=hole.step)


def _seed(seed: int, number: int) -> int:
    """Independent of how often the study was interrupted."""
    return int(digest("suggest", str(seed), str(number))[:8], 16)
