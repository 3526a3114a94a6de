"""Looks at single models, part by part, and beside each at the baseline."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from autocompress.errors import Failure
from autocompress.study.artifacts import Artifacts
from autocompress.study.compression import Bench
from autocompress.study.depot import depot
from autocompress.study.examining.answers import answers, changes
from autocompress.study.examining.fitting import fitted
from autocompress.study.examining.heat import heat
from autocompress.study.examining.layers import layers, same_architecture
from autocompress.study.examining.light import light
from autocompress.study.examining.subject import Subject
from autocompress.values.examination import Examination, Layer
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


class Examiner:
    """Of one study. What it finds out of the baseline serves for all its models."""

    def __init__(self, spec: StudySpec, folder: Path, baseline: Mapping[str, str] | None) -> None:
        self._spec, self._artifacts = spec, Artifacts(folder / "artifacts", depot())
        self._bench = Bench(spec, folder)
        self.baseline = self.subject(baseline) if baseline else None

    def subject(self, files: Mapping[str, str]) -> Subject:
        return Subject(self._spec, self._artifacts, files)

    def accuracy(self, subject: Subject) -> Measurement | None:
        """On the test split; None of a file that does not run here."""
        return _tried({}, "answers", lambda: subject.run.accuracy)

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
