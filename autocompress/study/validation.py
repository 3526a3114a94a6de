"""A front's recipes trained again with seeds that the search has never used: a study of its own, beside it."""

from collections.abc import Generator
from itertools import count, islice

from autocompress.study.core import Brake, Happening, Loop
from autocompress.study.examining.kept import BASE, TESTED
from autocompress.study.inheritance import Inheritance
from autocompress.study.lock import held
from autocompress.study.store import Store
from autocompress.study.study import Study
from autocompress.study.wishes import Wish
from autocompress.values.measurement import Measurement
from autocompress.values.validated import Validated, validated

FRESH = 1_000_000  # fresh seeds are counted up from here, above the study's own; the search's few stay far below
SAME = ("baseline", "baseline_artifacts")  # facts of the search that hold here: the same teacher, the same file


def beside(study: Study) -> Study:
    """Where the front is trained again. Its files lie with the search's, so latencies have the same neighbour."""
    folder = study.folder / "validation"
    return Study(study.spec.once_more(), folder, study.storage, study.work, closely=False, every=True, validates=study)


def steps(study: Study, seeds: int, brake: Brake | None = None) -> Generator[tuple[Happening, Loop], None, None]:
    """As many seeds for every member of the front, as far as they are not done; nobody may search meanwhile."""
    with held(study.folder, study.spec.name):
        again, wishes = beside(study), fresh(study, seeds)
        again.inherits = Inheritance(tuple(wishes))
        if wishes:
            yield from again.steps(brake)


def fresh(study: Study, seeds: int) -> list[Wish]:
    """Seed by seed, so that of every member something is known soon."""
    trials, params = study.trials, study.params
    found = [
        (seed, Wish(params[member.number], "replica", member.number, seed))
        for member in study.front().members
        for seed in _unused(study, {t.seed for t in trials if t.recipe == member.recipe}, seeds)
    ]
    return [wish for _, wish in sorted(found, key=lambda one: one[0])]


def _unused(study: Study, used: set[int], many: int) -> list[int]:
    """More seeds begin with the same ones."""
    return list(islice((seed for seed in count(study.spec.seed + FRESH) if seed not in used), many))


def take_over(store: Store, study: Study) -> None:
    """What need not be made again."""
    known = study.facts()
    for name in SAME:
        if name in known and store.fact(name) is None:
            store.set_fact(name, known[name])


def outcome(study: Study, again: Study) -> dict[int, Validated]:
    """What became of each member."""
    told = again.fact(TESTED) or {}
    tests = {int(n): Measurement.model_validate(m) for n, m in told.items() if n != BASE}
    return validated(study.front(), again.trials, tests)
