"""The study's memory: an Optuna storage that every Optuna tool can read, written by one process.

A trial is finished by three writes. The first, its `result`, is the promise: once it is there the trial's end is known,
and whoever opens the study next completes the other two (constraints, state) from it.
"""

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from autocompress.errors import StudyError
from autocompress.study.home import refuse_network
from autocompress.values.limit import Objective
from autocompress.values.recipe import Recipe, digest
from autocompress.values.trial import Trial

optuna.logging.set_verbosity(optuna.logging.WARNING)

NOTES = ("fidelity", "seed", "retry_of", "origin", "of")  # about a trial, known when it is asked for
STATES = {TrialState.WAITING: "waiting", TrialState.RUNNING: "running"}
_fitting = set[str]()  # files whose tables this process has seen to be those of this Optuna: looking takes 20 ms


class Store:
    """Trials and facts of one study. `add`, `start`, `finish` take what the search's mirror made of a trial."""

    def __init__(self, url: str, name: str, storage: RDBStorage | None = None) -> None:
        self._storage = storage or _storage(url)
        self.url, self.name = url, name
        self._study_id = self._storage.get_study_id_from_name(name)

    @classmethod
    def create(cls, url: str, name: str, objectives: Sequence[Objective]) -> "Store":
        """A new study, or the one that a killed process had begun to make."""
        storage = _storage(url)
        study = optuna.create_study(
            study_name=name, storage=storage, directions=[o.direction for o in objectives], load_if_exists=True
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([seen_name(o) for o in objectives])
        return cls(url, name, storage)

    # --- facts about the study ---

    def fact(self, name: str) -> Any:
        return self.facts().get(name)

    def facts(self) -> dict[str, Any]:
        return dict(self._storage.get_study_user_attrs(self._study_id))

    def set_fact(self, name: str, value: Any) -> None:
        self._storage.set_study_user_attr(self._study_id, name, value)

    # --- trials ---

    def history(self) -> list[FrozenTrial]:
        """All trials; to be read, not changed."""
        return self._storage.get_all_trials(self._study_id, deepcopy=False)

    def trials(self) -> list[Trial]:
        return [as_trial(frozen) for frozen in self.history()]

    def params(self, number: int) -> dict[str, Any]:
        """What the sampler chose for a trial."""
        return dict(self._storage.get_trial_params(self._id(number)))

    def add(self, frozen: FrozenTrial) -> None:
        """A trial that was just asked for, or put in the queue. One transaction, so that none is ever half there."""
        created = self._storage.create_new_trial(self._study_id, template_trial=frozen)
        number = self._storage.get_trial_number_from_id(created)
        if number != frozen.number:
            raise StudyError(f"the storage gave number {number} to trial {frozen.number}: somebody else writes to it")

    def start(self, frozen: FrozenTrial) -> None:
        """A trial from the queue is running now, with these values."""
        trial = self._id(frozen.number)
        for name, value in frozen.params.items():
            kind = frozen.distributions[name]
            self._storage.set_trial_param(trial, name, kind.to_internal_repr(value), kind)
        for name, value in frozen.user_attrs.items():
            self._storage.set_trial_user_attr(trial, name, value)
        self._storage.set_trial_state_values(trial, TrialState.RUNNING)

    def note(self, number: int, name: str, value: Any) -> None:
        """Something about a running trial that must outlive the process."""
        self._storage.set_trial_user_attr(self._id(number), name, value)

    def promise(self, trial: Trial) -> None:
        """The result. From here on the trial counts, whatever happens next."""
        text = trial.model_dump_json(exclude={"number", "recipe", *NOTES})
        self._storage.set_trial_user_attr(self._id(trial.number), "result", json.loads(text))

    def finish(self, frozen: FrozenTrial) -> None:
        """What Optuna wants to know of a promised trial: constraints and the sampler's notes, then the state."""
        trial = self._id(frozen.number)
        stored = self._storage.get_trial_system_attrs(trial)
        for name, value in frozen.system_attrs.items():
            if name not in stored:
                self._storage.set_trial_system_attr(trial, name, value)
        self._storage.set_trial_state_values(trial, frozen.state, frozen.values)

    def close(self) -> None:
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A file lock says nothing to other machines; a server's lock does, and goes with the connection."""
        if self._storage.engine.dialect.name != "postgresql":
            yield
            return
        key = int(digest("study", self.name)[:15], 16)
        with self._storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({key})").scalar():
                raise StudyError(f"study {self.name!r} is already being run by another process, here or elsewhere")
            yield


def seen_name(objective: Objective) -> str:
    """What Optuna's own tools print on the axis: they see costs in log scale."""
    return f"log {objective.metric}" if objective.seen(1.0) == 0.0 else objective.metric


def as_trial(frozen: FrozenTrial) -> Trial:
    """A stored trial as the rest of the house knows it."""
    notes = frozen.user_attrs
    known = {
        "number": frozen.number,
        "recipe": Recipe(notes.get("recipe", '{"stages":[]}')),
        **{name: notes[name] for name in NOTES if name in notes},
    }
    if "result" in notes:
        return Trial.model_validate({**notes["result"], **known})
    state = STATES.get(frozen.state, "failed")
    code = None if state != "failed" else "unexpected"
    return Trial.model_validate({**known, "state": state, "code": code})


def _storage(url: str) -> RDBStorage:
    """Opened, or what stands in the way. The URL is not shown: it may hold a password."""
    try:
        return RDBStorage(url) if not url.startswith("sqlite:") else _file(url)
    except ImportError as error:
        raise StudyError(f"the storage needs a driver ({error}): pip install 'autocompress[postgres]'") from None
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise StudyError(f"the storage cannot be opened: {reason}") from None


def _file(url: str) -> RDBStorage:
    """SQLite in WAL mode with one fsync per checkpoint: 15 times faster, and kill -9 loses nothing."""
    path = Path(sqlalchemy.engine.make_url(url).database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    refuse_network(path.parent)
    seen = url in _fitting and path.exists()
    storage = RDBStorage(url, {"connect_args": {"timeout": 30}}, skip_compatibility_check=seen)
    _fitting.add(url)

    @sqlalchemy.event.listens_for(storage.engine, "connect")
    def _faster(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    storage.engine.dispose()  # connections opened before the listener was there
    return storage
