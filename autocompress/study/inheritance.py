"""What another study has done is tried first: its work is in the cache, so it costs next to nothing."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autocompress.search.inherited import translated
from autocompress.study.home import study_folder
from autocompress.study.store import Store
from autocompress.study.wishes import Trials, Wish
from autocompress.values.job import Job
from autocompress.values.recipe import Recipe
from autocompress.values.space import fill
from autocompress.values.study import StudySpec
from autocompress.values.trial import Trial

FACT = "inherited"  # under which a study keeps it, so that it needs the other no more


@dataclass(frozen=True)
class Inheritance:
    """Of the models of another study, those that are to be tried; the others are counted."""

    wishes: tuple[Wish, ...] = ()
    again: int = 0  # of these, to be trained again
    foreign: int = 0  # not in the heir's space
    untrained: int = 0  # left out, because they would have to be trained again

    @property
    def all(self) -> int:
        return len(self.wishes) + self.foreign + self.untrained


NOTHING = Inheritance()


def inheritance(
    heir: StudySpec, trials: Iterable[Trial], params: dict[int, dict[str, Any]], may_train: Container[int]
) -> Inheritance:
    """Every model of the other study once. The cache tells which are trained already; of the others, `may_train`."""
    from autocompress.study.compression import Bench

    bench, seen = Bench(heir, study_folder(heir.name)), set()
    wishes, again, foreign, untrained = [], 0, 0, 0
    for t in sorted(trials, key=lambda t: t.number):
        if t.state != "complete" or (t.recipe.key, t.seed) in seen:
            continue
        seen.add((t.recipe.key, t.seed))
        picked = translated(heir.space, params[t.number])
        if picked is None:
            foreign += 1
            continue
        trained = bench.trained(Job(t.number, _recipe(heir, picked), seed=t.seed))
        if not trained and t.number not in may_train:
            untrained += 1
            continue
        again += not trained
        wishes.append(Wish(picked, "inherited", t.number, t.seed))
    return Inheritance(tuple(wishes), again, foreign, untrained)


def _recipe(heir: StudySpec, picked: dict[str, Any]) -> Recipe:
    return Recipe.of(fill(heir.space, lambda at, _: picked[at]))


def kept(store: Store, given: Sequence[Wish]) -> list[Wish]:
    """What a study inherits: what it is given now, else what it was given once."""
    if given:
        store.set_fact(FACT, [asdict(wish) for wish in given])
    return [Wish(**stored) for stored in store.fact(FACT) or ()]


def not_there_yet(wishes: Iterable[Wish], trials: Trials) -> list[Wish]:
    """A killed study may have taken only some of them."""
    there = {(t.origin, t.of, t.seed) for t in trials.values()}
    return [wish for wish in wishes if (wish.origin, wish.of, wish.seed) not in there]
