"""The last look: exported files on the test split, which the search has never seen, and what they are made of."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from autocompress.study.artifacts import Artifacts
from autocompress.study.core import Brake
from autocompress.study.depot import depot
from autocompress.study.examining.examiner import Examiner
from autocompress.study.examining.kept import BASE, EXAMINATIONS, TESTED, kept
from autocompress.study.examining.running import ran
from autocompress.study.store import Store
from autocompress.values.measurement import Measurement
from autocompress.values.study import StudySpec
from autocompress.values.trial import Trial


def on_test(spec: StudySpec, file: Path, manifest: Path, papers: Path) -> Measurement:
    """Accuracy of one file on the test split; its manifest says how it wants its pixels, its papers what runs it."""
    return ran(spec, file, manifest, papers).accuracy


def looks(
    spec: StudySpec, folder: Path, store: Store, members: Sequence[Trial], brake: Brake, *, closely: bool = True
) -> Iterator[str]:
    """At each of a front's models, unless it is known; if not `closely`, only at its accuracy. What is found is kept
    at once. Says whose turn it is."""
    artifacts = Artifacts(folder / "artifacts", depot())
    examiner = Examiner(spec, folder, store.fact("baseline_artifacts"))
    tested, known = dict(store.fact(TESTED) or {}), dict(store.fact(EXAMINATIONS) or {})

    def note(name: str, accuracy: Measurement | None) -> None:
        if accuracy is not None:
            tested[name] = accuracy.model_dump(mode="json")
            store.set_fact(TESTED, tested)

    if examiner.baseline and BASE not in tested:
        note(BASE, examiner.accuracy(examiner.baseline))
    looked = {number: each.model for number, each in kept(artifacts, known).items()}
    new = [
        t for t in members if str(t.number) not in tested or (closely and looked.get(t.number) != t.artifacts["model"])
    ]
    for place, trial in enumerate(new, 1):
        if brake.level:
            return
        yield f"examining model {place} of {len(new)}"
        name = str(trial.number)
        if closely:
            found = examiner.examined(trial)
            known[name] = artifacts.keep(found.text().encode())
            store.set_fact(EXAMINATIONS, known)
            note(name, found.answers.accuracy if found.answers else None)
        else:
            note(name, examiner.accuracy(examiner.subject(trial.artifacts)))
