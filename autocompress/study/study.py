"""A study as people handle it: load it, run it, look at its front. Running it again goes on where it was."""

import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from autocompress.errors import StudyError, UnknownStudy
from autocompress.plugin import make
from autocompress.search.schedules.base import Schedule
from autocompress.study.artifacts import Artifacts
from autocompress.study.core import Brake, Happening, Loop
from autocompress.study.depot import depot
from autocompress.study.drivers.base import Driver
from autocompress.study.environment import environment
from autocompress.study.evaluate import Careful
from autocompress.study.examining.kept import EXAMINATIONS
from autocompress.study.examining.kept import kept as examinations
from autocompress.study.here import refuse_what_cannot_be_measured
from autocompress.study.home import study_folder
from autocompress.study.inheritance import NOTHING, Inheritance, kept
from autocompress.study.lock import held, is_held
from autocompress.study.noted import note, specified, write_note
from autocompress.study.purse import paid
from autocompress.study.rungs import Rungs
from autocompress.study.store import Store, as_trial
from autocompress.values.craft import Craft
from autocompress.values.examination import Examination
from autocompress.values.front import Front, front
from autocompress.values.job import Work
from autocompress.values.limit import Limit, resolved
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.study import StudySpec, changes
from autocompress.values.trial import Trial
from autocompress.values.validated import Validated

T = TypeVar("T")


@dataclass(eq=False)
class Study:
    """Its truth is in the store. This object can be dropped at any time."""

    spec: StudySpec
    folder: Path
    storage: str | None = None  # a database URL; None: SQLite in the study's folder
    work: Work | None = None  # what a candidate goes through; None: compression, as the spec says
    command: str | None = None  # what a person would type to run it again
    inherits: Inheritance = NOTHING  # from another study, tried first of all
    closely: bool = True  # whether the models of its front are examined; if not, only their accuracy is taken
    every: bool = False  # whether the file of every trial meets the test split, not those of the front alone
    validates: "Study | None" = field(default=None, repr=False)  # the study whose front is trained once more here
    _keep: Any = field(default=None, repr=False)  # a temporary folder lives as long as its study

    @classmethod
    def of(
        cls, spec: StudySpec, *, storage: str | None = None, work: Work | None = None, command: str | None = None
    ) -> "Study":
        """In the home folder, under its name."""
        return cls(spec, study_folder(spec.name), storage, work, command)

    @classmethod
    def temporary(cls, spec: StudySpec, work: Work) -> "Study":
        """Forgotten when this object is."""
        keep = tempfile.TemporaryDirectory(prefix="autocompress-")
        return cls(spec, Path(keep.name), None, work, _keep=keep)

    @classmethod
    def open(cls, name: str, *, storage: str | None = None) -> "Study":
        """A study that was begun before, by name, as it was specified then."""
        folder = study_folder(name)
        noted = note(folder)
        if noted is None:
            raise UnknownStudy(f"there is no study {name!r} in {folder.parent}")
        if noted["storage"] is not None and storage is None:
            raise StudyError(f"study {name!r} is kept in {noted['storage']}; give --storage or set AUTOCOMPRESS_STORE")
        store = Store(_url(folder, storage), name)
        try:
            return cls(specified(store), folder, storage)
        finally:
            store.close()

    # --- running it ---

    def steps(self, brake: Brake | None = None) -> Generator[tuple[Happening, Loop], None, None]:
        """Run to the end of the budget; yields what happens. Only one process at a time may do this."""
        from autocompress.study import elsewhere, validation

        if self.work is None:
            refuse_what_cannot_be_measured(self.spec)
        with held(self.folder, self.spec.name), self._begun() as store:
            began = time.monotonic()
            store.set_fact("over", False)
            if self.validates is not None:
                validation.take_over(store, self.validates)
            if self.work is None:
                elsewhere.ready(self._files, self.spec.name, bool(store.fact("baseline")))
            try:
                loop = Loop(self.spec, store, brake, self.craft, kept(store, self.inherits.wishes))
                with make(Driver, self.spec.driver).start(Careful(self._work)) as pool:
                    for happening in loop.run(pool):
                        yield happening, loop
                if self.work is None and not loop.brake.level and not loop.running:
                    members = loop.complete if self.every else loop.front.members
                    for said in self._examined(store, members, loop.brake):
                        yield Happening("progress", said), loop
                store.set_fact("over", not loop.brake.level)
            finally:
                store.set_fact("seconds", (store.fact("seconds") or 0.0) + time.monotonic() - began)
        if not loop.brake.level and (control := self.control):
            yield from control.steps(brake)
        if not loop.brake.level and self.spec.budget.validation:
            yield from validation.steps(self, self.spec.budget.validation, brake)

    def run(self) -> Front:
        """The same, to its end, for those who only want the front."""
        for _ in self.steps():
            pass
        return self.front()

    def examine(self) -> None:
        """Look at the models of the front as the end of a run does. What is known of them already stays."""
        for _ in self.examining(self.front().members):
            pass

    def examining(self, trials: Sequence[Trial]) -> Iterator[str]:
        """So for any models; says whose turn it is."""
        if self.work is not None or self.spec.device is None:
            raise StudyError(f"study {self.spec.name!r} searches a function of yours; there is no network to look into")
        with held(self.folder, self.spec.name), self._begun() as store:
            yield from self._examined(store, trials, Brake())

    def keep(self, fact: str, key: str, value: Any) -> None:
        """What was found out about one of its models, beside what is known under this fact."""
        with held(self.folder, self.spec.name), self._begun() as store:
            store.set_fact(fact, {**(store.fact(fact) or {}), key: value})

    @property
    def running(self) -> bool:
        """Whether some process runs it now."""
        return is_held(self.folder)

    # --- looking at it ---

    @property
    def trials(self) -> list[Trial]:
        return self._read(Store.trials)

    @property
    def params(self) -> dict[int, dict[str, Any]]:
        """What was picked for each trial, by its number."""
        return self._read(lambda store: {t.number: dict(t.params) for t in store.history()})

    @property
    def stopped_at(self) -> dict[int, float]:
        """How much of its training each trial had that was stopped early."""
        history = self._read(Store.history)
        rungs = Rungs(make(Schedule, self.spec.schedule))
        rungs.relive({f.number: f.user_attrs for f in history})
        return {t.number: rungs.share(t.number) for t in map(as_trial, history) if t.state == "stopped"}

    @property
    def control(self) -> "Study | None":
        """The search by chance that this one is held against, if it has one."""
        seconds = sum(t.seconds for t in self.trials) if self.spec.control else 0.0
        if not seconds:
            return None
        spec, folder = self.spec.by_chance(seconds), self.folder / "control"
        return Study(spec, folder, self.storage, self.work, closely=False)

    @property
    def validation(self) -> "Study | None":
        """Its front, trained again with fresh seeds, if anybody has asked for that."""
        from autocompress.study.validation import beside

        return again if (again := beside(self)).begun else None

    @property
    def validated(self) -> dict[int, Validated]:
        """What became of the members of the front with fresh seeds, as far as they were tried."""
        from autocompress.study.validation import outcome

        return outcome(self, again) if (again := self.validation) else {}

    @property
    def begun(self) -> bool:
        """Whether it has been run before."""
        return note(self.folder) is not None

    @property
    def paid(self) -> float:
        """What was spent of the budget, in whole trainings."""
        return self._read(lambda store: paid(self.spec, store.history()))

    @property
    def over(self) -> bool:
        """Whether the last run went to the end of its budget."""
        return bool(self.fact("over"))

    @property
    def baseline(self) -> tuple[Measurement, ...]:
        return tuple(Measurement.model_validate(m) for m in self.fact("baseline") or ())

    @property
    def limits(self) -> tuple[Limit, ...]:
        """As plain bounds; those that refer to a baseline that is not there yet are left out."""
        return resolved(self.spec.limits, by_metric(self.baseline))

    @property
    def artifacts(self) -> Artifacts:
        return Artifacts(self._files / "artifacts", depot())

    def front(self) -> Front:
        return front(self.trials, self.spec.objectives, self.limits, self.baseline)

    @property
    def examinations(self) -> dict[int, Examination]:
        """What is known of single models, by trial: of those that were on the front when a run was over."""
        return examinations(self.artifacts, self.fact(EXAMINATIONS))

    def fact(self, name: str) -> Any:
        return self.facts().get(name)

    def facts(self) -> dict[str, Any]:
        """What is stored about the study as a whole."""
        return self._read(Store.facts)

    def __repr__(self) -> str:
        return f"<Study {self.spec.name!r}: {len(self.trials)} trials, {len(self.front())} on the front>"

    # --- inside ---

    @cached_property
    def _work(self) -> Work:
        if self.work is not None:
            return self.work
        from autocompress.study.compression import Compression

        return Compression(self.spec, str(self._files))

    @property
    def _files(self) -> Path:
        """A front that is trained again is measured beside the same baseline's file, which lies with the search."""
        return self.folder if self.validates is None else self.validates.folder

    @property
    def craft(self) -> Craft | None:
        """What stages are; nobody knows it of work that is not compression."""
        if self.work is not None:
            return None
        from autocompress.study.craft import craft

        return craft()

    @contextmanager
    def _begun(self) -> Iterator[Store]:
        """The store, holding this very study: made if it is new, compared if it is not."""
        store = Store.create(_url(self.folder, self.storage), self.spec.name, self.spec.objectives)
        with closing(store), store.alone():
            stored = store.fact("spec")
            if stored is None:
                command = {"command": self.command} if self.command else {}
                store.set_fact("environment", environment() | command)
            else:
                self._compare(specified(store))
            if stored != (mine := self.spec.model_dump(mode="json")):  # budget and driver may have changed
                store.set_fact("spec", mine)
            write_note(self.folder, self.spec.name, self.storage)
            yield store

    def _compare(self, stored: StudySpec) -> None:
        if stored.hash == self.spec.hash:
            return
        lines = changes(stored.identity, self.spec.identity)
        raise StudyError(
            f"study {self.spec.name!r} was begun with other settings; its trials would not be comparable:\n"
            + "".join(f"  {line}\n" for line in lines)
            + f"undo the change, or start a new study with --as {self.spec.name}-2"
        )

    def _examined(self, store: Store, members: Sequence[Trial], brake: Brake) -> Iterator[str]:
        """Once the search is over: what its best files make of images it has never seen. Says whose turn it is."""
        from autocompress.study import examine

        yield from examine.looks(self.spec, self._files, store, members, brake, closely=self.closely)

    def _read(self, look: Callable[[Store], T]) -> T:
        if self.storage is None and not (self.folder / "study.db").exists():
            raise UnknownStudy(f"study {self.spec.name!r} has not been run yet")
        store = Store(_url(self.folder, self.storage), self.spec.name)
        try:
            return look(store)
        finally:
            store.close()


def _url(folder: Path, storage: str | None) -> str:
    return storage or f"sqlite:///{folder / 'study.db'}"
