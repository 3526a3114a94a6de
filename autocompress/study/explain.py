"""Models of a study beside its baseline: what its examinations say of them; what is missing is found out now."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from autocompress.errors import StudyError
from autocompress.study.examining.kept import BASE, TESTED
from autocompress.study.study import Study
from autocompress.values.examination import Examination
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.trial import Trial

MOST = 8  # models at once: more do not go into one figure


class Explained(NamedTuple):
    trial: Trial
    seen: Examination


class Baseline(NamedTuple):
    recipe: Recipe
    accuracy: Measurement | None  # on the test split


def chosen(study: Study, numbers: Sequence[int] = ()) -> tuple[list[Trial], int]:
    """These, or the front, of a large one the picks first; and how many of it are left out."""
    if study.spec.device is None:
        raise StudyError(f"study {study.spec.name!r} searches a function of yours; there is no network to look into")
    if numbers:
        trials = study.trials
        return [with_model(study.spec.name, trials, number) for number in dict.fromkeys(numbers)], 0
    front = study.front()
    if not front.members:
        raise StudyError(f"study {study.spec.name!r} has no model on its front yet; name others with --trial")
    first = [pick.trial.number for pick in front.picks().values()]
    kept = list(dict.fromkeys([*first, *(t.number for t in front.members)]))[:MOST]
    return [t for t in front.members if t.number in kept], len(front.members) - len(kept)


def with_model(name: str, trials: Sequence[Trial], number: int) -> Trial:
    """By its number."""
    found = next((t for t in trials if t.number == number), None)
    if found is None:
        has = f"it has 0 to {len(trials) - 1}" if trials else "it has none yet"
        raise StudyError(f"study {name!r} has no trial {number}; {has}")
    if "weights" not in found.artifacts:
        raise StudyError(f"trial {number} has no model to look into: it is {found.state}")
    return found


def explaining(study: Study, trials: Sequence[Trial]) -> Iterator[str]:
    """Examine those that nobody has examined, as the end of a run does; says whose turn it is."""
    known = study.examinations
    new = [t for t in trials if t.number not in known or known[t.number].model != t.artifacts["model"]]
    if new:
        yield from study.examining(new)


def explained(study: Study, trials: Sequence[Trial]) -> list[Explained]:
    """What is known now."""
    known = study.examinations
    return [Explained(t, known[t.number]) for t in trials if t.number in known]


def baseline(study: Study) -> Baseline | None:
    """None where a study has no teacher."""
    if not isinstance(study.spec.teacher, dict) or not study.fact("baseline_artifacts"):
        return None
    found = (study.fact(TESTED) or {}).get(BASE)
    return Baseline(Recipe.of(study.spec.teacher), Measurement.model_validate(found) if found else None)
