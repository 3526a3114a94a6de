"""One trial of a study, made again from nothing: nothing that was kept of it can vouch for itself."""

import json
import shutil
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

from autocompress.compress.manifest import MANIFEST, WEIGHTS
from autocompress.errors import StudyError
from autocompress.plugin import make
from autocompress.study.artifacts import Artifacts
from autocompress.study.compression import IMAGES, MAIN, Compression
from autocompress.study.drivers.base import Driver
from autocompress.study.elsewhere import REFERENCES
from autocompress.study.environment import environment
from autocompress.study.evaluate import Careful
from autocompress.study.examine import on_test
from autocompress.study.examining.kept import TESTED
from autocompress.study.here import refuse_what_cannot_be_measured
from autocompress.study.lock import held
from autocompress.study.study import Study
from autocompress.values.job import Done, Gated, Job, Outcome, Progress, Rung, Work
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.reproduced import File, Reproduced, differences, reproduced
from autocompress.values.study import StudySpec
from autocompress.values.trial import Trial

PATIENCE = 0.5  # seconds
FILES = ("model", "weights")  # roles; the others say what these are
TRAINING = ("nan_loss", "no_effect", "parity")  # codes that are an answer; any other says that nothing can be said


def place(study: Study) -> Path:
    """Where the files lie that came out the last time."""
    return study.folder / "reproduction"


def steps(study: Study, trial: Trial) -> Generator[str, None, Reproduced]:
    """Trained with the same seed, exported and measured beside the same baseline. Says what is being done.

    The teacher alone is taken over, from its own files. Whatever else was kept anywhere is not looked at.
    """
    refuse_what_is_no_network(study)
    refuse_what_cannot_be_measured(study.spec)
    with held(study.folder, study.spec.name):
        try:
            return (yield from _again(study, trial))
        except (ValueError, OSError) as error:  # a file of the study is damaged or gone
            raise StudyError(f"cannot reproduce trial {trial.number}: {error}") from error


def refuse_what_is_no_network(study: Study) -> None:
    if study.work is not None or study.spec.device is None:
        raise StudyError(f"study {study.spec.name!r} searches a function of yours; there is no network to train again")


def _again(study: Study, trial: Trial) -> Generator[str, None, Reproduced]:
    folder, facts = place(study), study.facts()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if (known := study.folder / REFERENCES).exists():
        shutil.copytree(known, folder / REFERENCES, ignore=shutil.ignore_patterns(IMAGES))
    spec = _in_its_runtime(study, trial)
    with TemporaryDirectory(dir=folder, prefix="cache-") as cache:
        _take_over_teacher(study, Path(cache))
        outcome = yield from _made(spec, folder, cache, trial)
    done = outcome.state == "complete"
    if not done and outcome.code not in TRAINING:
        raise StudyError(f"cannot reproduce trial {trial.number}: [{outcome.code}] {outcome.message}")
    before, after = by_metric(trial.measurements), by_metric(outcome.measurements)
    if tested := (facts.get(TESTED) or {}).get(str(trial.number)):
        before[TESTED] = Measurement.model_validate(tested)
        after |= {TESTED: _on_test(spec, folder, outcome)} if done else {}
    then = {name: text for name, text in (facts.get("environment") or {}).items() if name != "command"}
    return reproduced(
        before,
        after,
        tuple(File(role, trial.artifacts[role], outcome.artifacts.get(role, "")) for role in FILES),
        differences(then | _images(study.folder), environment() | _images(folder)),
        "" if done else f"[{outcome.code}] {outcome.message}",
    )


def _in_its_runtime(study: Study, trial: Trial) -> StudySpec:
    """Of several runtimes the one in which it was fastest: a clock may choose another today."""
    spec = study.spec.once_more()
    assert spec.device is not None
    ran = json.loads(study.artifacts.get(trial.artifacts["runtime"]))
    its = tuple(one for one in spec.device.runtimes if (one.name, one.threads) == (ran["use"], ran["threads"]))
    return spec.model_copy(update={"device": spec.device.model_copy(update={"runtimes": its or spec.device.runtimes})})


def _take_over_teacher(study: Study, cache: Path) -> None:
    """Beside the cache, not into it: a stage of the candidate could be a stage of the teacher."""
    if kept := study.fact("baseline_artifacts"):
        (cache / MAIN).mkdir()
        for role, file in (("weights", WEIGHTS), ("manifest", MANIFEST)):
            (cache / MAIN / file).write_bytes(study.artifacts.get(kept[role]))


def _made(spec: StudySpec, folder: Path, cache: str, trial: Trial) -> Generator[str, None, Outcome]:
    """By a worker like those of the search, with as many threads. No gate and no schedule stops it."""
    work: Work = Careful(Compression(spec, str(folder), cache))
    with make(Driver, spec.driver).start(work) as pool:
        pool.submit(Job(trial.number, trial.recipe, trial.fidelity, trial.seed))
        while True:
            match pool.next(PATIENCE):
                case Progress(text=text):
                    yield text
                case Gated() | Rung():
                    pool.answer(trial.number, True)
                case Done(outcome=outcome):
                    return outcome


def _on_test(spec: StudySpec, folder: Path, outcome: Outcome) -> Measurement:
    kept = Artifacts(folder / "artifacts")
    return on_test(spec, *(kept.path(outcome.artifacts[role]) for role in ("model", "manifest", "runtime")))


def _images(folder: Path) -> dict[str, str]:
    """Which ones were seen there."""
    file = folder / REFERENCES / IMAGES
    return {"images": file.read_text(encoding="utf-8")} if file.exists() else {}
