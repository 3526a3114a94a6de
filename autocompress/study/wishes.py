"""What is tried beside what the sampler asks for: lost work, known recipes, another ending, another seed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Any

from autocompress.search.known import Params, known
from autocompress.search.variants import variants
from autocompress.study.retries import lost
from autocompress.study.rungs import Rungs
from autocompress.values.craft import Craft
from autocompress.values.front import Front
from autocompress.values.recipe import digest
from autocompress.values.study import StudySpec
from autocompress.values.trial import Origin, Trial

Trials = Mapping[int, Trial]
Chosen = Callable[[int], Params]  # what was picked for a trial

WORTH = 0.25  # of a training: what costs less is tried whatever the hope


@dataclass(frozen=True)
class Wish:
    """A trial to be. What `params` leaves open is for the sampler to decide."""

    params: Params
    origin: Origin = "asked"
    of: int | None = None
    seed: int | None = None
    retry_of: int | None = None

    @property
    def notes(self) -> dict[str, Any]:
        told = {"origin": self.origin, "of": self.of, "seed": self.seed, "retry_of": self.retry_of}
        return {name: value for name, value in told.items() if value is not None}


def lost_work(trials: Trials, chosen: Chosen) -> list[Wish]:
    """Once more, as it was wanted the first time."""
    firsts = [trials[number] for number in lost(trials.values())]
    return [Wish(chosen(t.number), t.origin, t.of, t.seed, retry_of=t.number) for t in firsts]


def known_by_hand(spec: StudySpec, craft: Craft | None, trials: Trials) -> list[Wish]:
    """What everybody would try; as many of them as are not there yet."""
    if spec.first != "known" or craft is None:
        return []
    there = sum(t.origin == "first" and t.retry_of is None for t in trials.values())
    return [Wish(params, "first") for params in known(spec.space, craft)[there:]]


def stopped_too_early(rungs: Rungs, trials: Trials, chosen: Chosen) -> list[Wish]:
    """Who by now is among the best of the rung where it was stopped."""
    number = rungs.promote(trials.values())
    return [] if number is None else [Wish(chosen(number), "promoted", number, trials[number].seed)]


def other_endings(
    spec: StudySpec, craft: Craft | None, trial: Trial, trials: Trials, front: Front, chosen: Chosen
) -> list[Wish]:
    """The models that one training can become without another. Where exporting and measuring them takes long, too, only
    what is on the front is worth other settings; of the rest one of each kind is tried."""
    many = spec.budget.variants
    own_work = trial.origin not in ("inherited", "variant", "replica") and trial.same_as is None
    if craft is None or not many or not own_work:
        return []
    if any(t.origin == "variant" and t.of == trial.number for t in trials.values()):
        return []
    random = Random(digest("variants", str(spec.seed), str(trial.number)))
    seen = {t.recipe.key for t in trials.values()}
    each = any(member.number == trial.number for member in front.members) or not _dear(trials.values())
    found = variants(spec.space, chosen(trial.number), craft, seen, many, random, each=each)
    return [Wish(params, "variant", trial.number) for params in found]


def _dear(trials: Iterable[Trial]) -> bool:
    """Whether those that need no training take much of what a training takes."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for t in trials:
        if t.state == "complete" and t.same_as is None:
            took[t.origin == "variant"].append(t.seconds)
    return all(took.values()) and fmean(took[True]) > WORTH * fmean(took[False])


def other_seeds(spec: StudySpec, front: Front, trials: Iterable[Trial], chosen: Chosen) -> list[Wish]:
    """What is on the front by luck will not stay there."""
    seeds: dict[str, set[int]] = {}
    for t in trials:
        seeds.setdefault(t.recipe.key, set()).add(t.seed)
    return [
        Wish(chosen(member.number), "replica", member.number, spec.seed + more)
        for member in front.members
        for more in range(len(seeds[member.recipe.key]), spec.budget.replicas)
    ]
