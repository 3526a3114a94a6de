"""Studies that ask one question with several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from autocompress.values.recipe import canonical
from autocompress.values.study import StudySpec


@dataclass(frozen=True)
class Repeated:
    """Runs of one study: places in the list that was given, one for each seed."""

    name: str
    runs: tuple[int, ...]
    seeds: tuple[int, ...]


def repeated(specs: Sequence[StudySpec]) -> tuple[Repeated, ...]:
    """Those that differ in name and seed alone (and in who does the work) stand together, in the order given.

    Another budget is another question. Of runs with the same seed the first counts.
    """
    groups: dict[str, dict[int, int]] = {}
    for place, spec in enumerate(specs):
        same = canonical(spec.model_dump(mode="json", exclude={"name", "seed", "driver"}))
        groups.setdefault(same, {}).setdefault(spec.seed, place)
    named = [_name([specs[i].name for i in runs.values()]) for runs in groups.values()]
    return tuple(
        Repeated(name if named.count(name) == 1 else specs[next(iter(runs.values()))].name, (*runs.values(),), (*runs,))
        for name, runs in zip(named, groups.values(), strict=True)
    )


def _name(names: Sequence[str]) -> str:
    """What their names begin with: `ehvi` of ehvi-1, ehvi-2 and ehvi-3."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return (len(names) > 1 and "".join(letters[0] for letters in alike).rstrip("0123456789-_")) or names[0]
