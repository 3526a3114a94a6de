"""A study as people handle it: load it, run it, look at its front. Running it again goes on where it was."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy

from autocompress.errors import StudyError, UnknownStudy
from autocompress.plugin import make
from autocompress.study.artifacts import Artifacts, write_durably
from autocompress.study.core import Brake, Happening, Loop
from autocompress.study.drivers.base import Driver
from autocompress.study.environment import environment
from autocompress.study.evaluate import Careful
from autocompress.study.here import refuse_what_cannot_be_measured
from autocompress.study.home import study_folder
from autocompress.study.inheritance import NOTHING, Inheritance, kept
from autocompress.study.lock import held, is_held
from autocompress.study.purse import paid
from autocompress.study.store import Store
from autocompress.values.craft import Craft
from autocompress.values.front import Front, front
from autocompress.values.job import Work
from autocompress.values.limit import Limit, resolved
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.study import StudySpec, changes
from autocompress.values.trial import Trial

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
        note = _note(folder)
        if note is None:
            raise UnknownStudy(f"there is no study {name!r} in {folder.parent}")
        if note["storage"] is not None and storage is None:
            raise StudyError(f"study {name!r} is kept in {note['storage']}; give --storage or set AUTOCOMPRESS_STORE")
        store = Store(_url(folder, storage), name)
        try:
            return cls(StudySpec.model_validate(store.fact("spec")), folder, storage)
        finally:
            store.close()

    # --- running it ---

    def steps(self, brake: Brake | None = None) -> Generator[tuple[Happening, Loop], None, None]:
        """Run to the end of the budget; yields what happens. Only one process at a time may do this."""
        if self.work is None:
            refuse_what_cannot_be_measured(self.spec)
        with held(self.folder, self.spec.name), self._begun() as store:
            began = time.monotonic()
            store.set_fact("over", False)
            try:
                loop = Loop(self.spec, store, brake, self._craft, kept(store, self.inherits.wishes))
                with make(Driver, self.spec.driver).start(Careful(self._work)) as pool:
                    for happening in loop.run(pool):
                        yield happening, loop
                self._examine(store, loop)
                store.set_fact("over", not loop.brake.level)
            finally:
                store.set_fact("seconds", (store.fact("seconds") or 0.0) + time.monotonic() - began)
        if not loop.brake.level and (control := self.control):
            yield from control.steps(brake)

    def run(self) -> Front:
        """The same, to its end, for those who only want the front."""
        for _ in self.steps():
            pass
        return self.front()

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
    def control(self) -> "Study | None":
        """The search by chance that this one is held against, if it has one."""
        seconds = sum(t.seconds for t in self.trials) if self.spec.control else 0.0
        if not seconds:
            return None
        return Study(self.spec.by_chance(seconds), self.folder / "control", self.storage, self.work)

    @property
    def begun(self) -> bool:
        """Whether it has been run before."""
        return _note(self.folder) is not None

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
        return Artifacts(self.folder / "artifacts")

    def front(self) -> Front:
        return front(self.trials, self.spec.objectives, self.limits, self.baseline)

    def fact(self, name: str) -> Any:
        return self.facts().get(name)

    def facts(self) -> dict[str, Any]:
        """What is stored about the study as a whole."""
        return self._read(Store.facts)

    def __repr__(self) -> str:
        return f"<Study {self.spec.name!r}: {len(self.trials)} trials, {len(self.front())} on the front>"

    def _repr_html_(self) -> str:
        return f"<p>{repr(self)[1:-1]}</p>{self.front()._repr_html_()}"

    # --- inside ---

    @cached_property
    def _work(self) -> Work:
        if self.work is not None:
            return self.work
        from autocompress.study.compression import Compression

        return Compression(self.spec, str(self.folder))

    @property
    def _craft(self) -> Craft | None:
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
                self._compare(StudySpec.model_validate(stored))
            if stored != (mine := self.spec.model_dump(mode="json")):  # budget and driver may have changed
                store.set_fact("spec", mine)
            _write_note(self.folder, self.spec.name, self.storage)
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

    def _examine(self, store: Store, loop: Loop) -> None:
        """Once the search is over: what its best files make of images the search has never seen."""
        if self.work is not None or loop.brake.level or loop.running:
            return
        from autocompress.study.examine import on_test

        known: dict[str, Any] = store.fact("test_accuracy") or {}
        made = {str(t.number): t.artifacts for t in loop.front.members if str(t.number) not in known}
        base = store.fact("baseline_artifacts")
        if base and "baseline" not in known:
            made["baseline"] = base
        path = self.artifacts.path
        roles = ("model", "manifest", "runtime")
        found = {name: on_test(self.spec, *(path(a[role]) for role in roles)) for name, a in made.items()}
        if found:
            store.set_fact("test_accuracy", known | {k: m.model_dump(mode="json") for k, m in found.items()})

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


def _note(folder: Path) -> dict[str, Any] | None:
    try:
        note: dict[str, Any] = json.loads((folder / "study.json").read_text())
    except (OSError, ValueError):
        return None
    return note


def _write_note(folder: Path, name: str, storage: str | None) -> None:
    """Where the study's truth is. A password never gets into a file."""
    shown = sqlalchemy.engine.make_url(storage).render_as_string(hide_password=True) if storage else None
    note = {"schema": "autocompress.study-folder/v1", "name": name, "storage": shown}
    if _note(folder) != note:
        os.makedirs(folder, exist_ok=True)
        write_durably(folder / "study.json", json.dumps(note, indent=1).encode())
