"""The last look: exported files on the test split, which the search has never seen, and what they are made of."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from autocompress.compress.manifest import MANIFEST, WEIGHTS, load
from autocompress.compress.model import Model
from autocompress.errors import Failure
from autocompress.study.artifacts import Artifacts
from autocompress.study.compression import Bench
from autocompress.study.core import Brake
from autocompress.study.examining.answers import answers, changes
from autocompress.study.examining.fitting import fitted
from autocompress.study.examining.heat import Looking, heat
from autocompress.study.examining.kept import EXAMINATIONS, kept
from autocompress.study.examining.layers import layers, same_architecture
from autocompress.study.examining.light import borne, light
from autocompress.study.examining.running import Ran, ran
from autocompress.study.store import Store
from autocompress.values.examination import Examination, Layer, Mean
from autocompress.values.job import Job
from autocompress.values.measurement import Measurement
from autocompress.values.study import StudySpec
from autocompress.values.trial import Trial

T = TypeVar("T")
Before = Literal["start", "baseline"]

NOTHING_BEFORE = (
    "before the first cut nothing was trained, or it is not in the cache any more; "
    "and the baseline is of another architecture"
)
TESTED = "test_accuracy"  # the fact: accuracy by trial, and under `baseline`


def on_test(spec: StudySpec, file: Path, manifest: Path, papers: Path) -> Measurement:
    """Accuracy of one file on the test split; its manifest says how it wants its pixels, its papers what runs it."""
    return ran(spec, file, manifest, papers).accuracy


def looks(
    spec: StudySpec, folder: Path, store: Store, members: Sequence[Trial], brake: Brake, *, closely: bool = True
) -> Iterator[str]:
    """At each of a front's models, unless it is known; if not `closely`, only at its accuracy. What was found is kept
    at once. Says whose turn it is."""
    artifacts, examiner = Artifacts(folder / "artifacts"), Examiner(spec, folder, store.fact("baseline_artifacts"))
    tested, known = dict(store.fact(TESTED) or {}), dict(store.fact(EXAMINATIONS) or {})
    if examiner.baseline and "baseline" not in tested:
        tested["baseline"] = examiner.baseline.run.accuracy.model_dump(mode="json")
        store.set_fact(TESTED, tested)
    looked = {str(number): each.model for number, each in kept(artifacts, known).items()}
    new = [
        (number, t)
        for t in members
        if (number := str(t.number)) not in tested or (closely and looked.get(number) != t.artifacts["model"])
    ]
    for place, (number, trial) in enumerate(new, 1):
        if brake.level:
            return
        yield f"examining model {place} of {len(new)}"
        if closely:
            found = examiner.examined(trial)
            known[number] = artifacts.keep(found.text().encode())
            store.set_fact(EXAMINATIONS, known)
            accuracy = found.answers.accuracy if found.answers else None
        else:
            accuracy = examiner.subject(trial.artifacts).run.accuracy
        if accuracy is not None:
            tested[number] = accuracy.model_dump(mode="json")
            store.set_fact(TESTED, tested)


class Subject:
    """One model by its artifacts. What is asked of it is found out once."""

    def __init__(self, spec: StudySpec, artifacts: Artifacts, files: Mapping[str, str]) -> None:
        self._spec, self._artifacts, self.files = spec, artifacts, files

    @cached_property
    def run(self) -> Ran:
        return ran(self._spec, *(self._artifacts.path(self.files[role]) for role in ("model", "manifest", "runtime")))

    @cached_property
    def model(self) -> Model:
        with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
            for role, file in (("manifest", MANIFEST), ("weights", WEIGHTS)):
                (Path(folder) / file).write_bytes(self._artifacts.get(self.files[role]))
            return load(Path(folder))

    @cached_property
    def borne(self) -> tuple[Mean, ...]:
        return borne(self.run, self._spec.seed)

    @cached_property
    def looking(self) -> Looking:
        return Looking(self.model, self.run)


class Examiner:
    """Of one study. What it finds out of the baseline serves for all its models."""

    def __init__(self, spec: StudySpec, folder: Path, baseline: Mapping[str, str] | None) -> None:
        self._spec, self._artifacts = spec, Artifacts(folder / "artifacts")
        self._bench = Bench(spec, folder)
        self.baseline = self.subject(baseline) if baseline else None

    def subject(self, files: Mapping[str, str]) -> Subject:
        return Subject(self._spec, self._artifacts, files)

    def examined(self, trial: Trial) -> Examination:
        """Whatever part of it fails is left out, and a note says why."""
        notes: dict[str, str] = {}
        mine = self.subject(trial.artifacts)
        base_run = _tried(notes, "baseline", lambda: _there(self.baseline).run)
        base = self.baseline if base_run else None
        told = _tried(notes, "layers", lambda: self._layers(trial, mine, base))
        if told and told[1] is None:
            notes["weights_before"] = NOTHING_BEFORE
        borne = _tried(notes, "baseline_light", lambda: base.borne) if base else None
        looking = _tried(notes, "baseline_heat", lambda: base.looking.layer and base.looking) if base else None
        return fitted(
            Examination(
                model=trial.artifacts["model"],
                baseline=base.files["model"] if base else "",
                layers=told and told[0],
                weights_before=told and told[1],
                answers=_tried(notes, "answers", lambda: answers(mine.run, base_run)),
                changes=_tried(notes, "changes", lambda: changes(mine.run, base_run)) if base_run else None,
                light=_tried(notes, "light", lambda: light(mine.run, borne, self._spec.seed)),
                heat=_tried(notes, "heat", lambda: heat(mine.looking, looking)),
                notes=notes,
            )
        )

    def _layers(self, trial: Trial, mine: Subject, base: Subject | None) -> tuple[tuple[Layer, ...], Before | None]:
        """And of which weights the histograms before are: its own once it was trained, or else the baseline's."""
        known = base.model if base else None
        job = Job(trial.number, trial.recipe, trial.fidelity, trial.seed)
        before = self._bench.start(job)
        whose: Before = "start"
        if before is None and known is not None and same_architecture(mine.model, known):
            before, whose = known, "baseline"
        shows = mine.run.suffix == ".onnx"
        file = self._artifacts.path(mine.files["model"]) if shows else None
        return layers(mine.model, file, known, before), whose if before else None


def _there(base: Subject | None) -> Subject:
    if base is None:
        raise Failure("unsupported", "there is no baseline to compare it with")
    return base


def _tried(notes: dict[str, str], part: str, make: Callable[[], T]) -> T | None:
    """A study must not fail at its end, whatever the last look stumbles over."""
    try:
        return make()
    except Failure as failure:
        notes[part] = str(failure)
    except Exception as error:
        notes[part] = f"{type(error).__name__}: {error}"
    return None
