"""What a compression candidate goes through: shapes, stages, export, measurement. The default work of a study."""

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from itertools import takewhile
from pathlib import Path

import torch

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.examples import Examples
from autocompress.compress.kept import Kept
from autocompress.compress.lab import Lab
from autocompress.compress.manifest import load
from autocompress.compress.model import Model
from autocompress.compress.precision import rule
from autocompress.compress.stages.base import Stage
from autocompress.compress.start import fitted, origin, started
from autocompress.compress.students.base import Scale, Student
from autocompress.compress.teacher import Teacher
from autocompress.data.base import Dataset, loaded
from autocompress.measure.counted import counted
from autocompress.plugin import find, make
from autocompress.search.schedules.base import Schedule
from autocompress.study import elsewhere
from autocompress.study.appraise import Appraiser
from autocompress.study.artifacts import Artifacts, write_durably
from autocompress.study.cache import Cache, code_version
from autocompress.study.course import Course, bits, shaped
from autocompress.study.depot import depot
from autocompress.study.elsewhere import NUMBERS, REFERENCES
from autocompress.study.evaluate import Events
from autocompress.study.foresight import Foresight
from autocompress.study.home import cache_folder
from autocompress.values.job import BASELINE, Done, Gated, Job, Outcome, Progress
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe, canonical, digest
from autocompress.values.study import StudySpec

MAIN = "teacher"  # the one that is the baseline
IMAGES = "images.sha256"  # beside the baseline: with which ones the study began
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Compression:
    """Travels to the workers as data; each builds its bench once."""

    spec: StudySpec
    folder: str
    apart: str = ""  # a cache of its own, for who must not see what others have done; a teacher may wait there

    def __call__(self, job: Job) -> Events:
        return _bench(self.spec.model_dump_json(), self.folder, self.apart).work(job)


@cache
def _bench(spec: str, folder: str, apart: str) -> "Bench":
    return Bench(StudySpec.model_validate_json(spec), Path(folder), Path(apart) if apart else None)


class Bench:
    """One worker's place: the data, the teachers, the cache, the runtime."""

    def __init__(self, spec: StudySpec, folder: Path, apart: Path | None = None) -> None:
        assert spec.device is not None, "a compression study has a device"
        self.spec, self.device = spec, spec.device
        there = None if apart else depot()
        self._folder, self._artifacts = folder, Artifacts(folder / "artifacts", there)
        asked = {aim.metric for aim in spec.objectives} | {limit.metric for limit in spec.limits}
        self._appraiser = Appraiser(spec.device, asked, folder / REFERENCES)
        kept = apart or cache_folder()
        self._cache = Cache(kept, there)
        compared = make(Schedule, spec.schedule).rungs()  # early: by what they will cost once they are files
        aims = [aim.metric for aim in spec.objectives] if compared else []
        self._foresight = Foresight(self._appraiser, spec.device, spec.limits, kept / "files", aims)
        self._baseline = folder / REFERENCES / NUMBERS  # its numbers, for those who come after it
        self._seen = folder / REFERENCES / IMAGES
        self._kept = Kept(self._cache.answers)
        self._models: dict[str, Model] = {}  # teachers, by name
        if apart and (apart / MAIN).exists():
            self._models[MAIN] = load(apart / MAIN)

    def work(self, job: Job) -> Events:
        began = time.monotonic()
        if job.number != BASELINE:
            elsewhere.fetch(self._folder)
        model, lab, stages = self._begun(job)
        if not self._seen.exists():
            write_durably(self._seen, self._data.digest.encode())
        known: tuple[Measurement, ...] = ()
        for more in self._foretold(job, model, stages, lab):
            known += more
            if not (yield Gated(job.number, known, time.monotonic() - began)):
                yield Done(job.number, Outcome("stopped", known, seconds=time.monotonic() - began))
                return
        course = Course(job, lab, stages, self._cache, partial(self._key, job, stages))
        made = yield from course.run(model)
        if made is None:
            seconds = time.monotonic() - began
            yield Done(job.number, Outcome("stopped", known, {}, seconds, len(stages), course.cached))
            return
        yield Progress(job.number, "exporting and measuring")
        with tempfile.TemporaryDirectory(prefix="autocompress-") as name:
            found = self._appraiser.appraised(made, lab.data, Path(name), is_baseline=job.number == BASELINE)
            self._foresight.learn(made, found.measurements)
            artifacts = {role: self._artifacts.put(path) for role, path in found.files.items()}
            if job.number == BASELINE:
                numbers = {m.metric: m.value for m in found.measurements}
                write_durably(self._baseline, json.dumps(numbers).encode())
                elsewhere.share(self._folder)
        seconds = time.monotonic() - began
        yield Done(job.number, Outcome("complete", found.measurements, artifacts, seconds, len(stages), course.cached))

    def _foretold(self, job: Job, model: Model, stages: list[Stage], lab: Lab) -> Iterator[tuple[Measurement, ...]]:
        """What can be said before any training, the cheap first: what is counted, then what its file will do."""
        shape = shaped(model, stages, lab)
        known = counted(shape.net, shape.inputs, bits(shape))
        yield known
        if job.number != BASELINE and all(stage.exact for stage in stages):
            yield self._foresight.of(shape, known, lab.data, self._known_of_baseline())

    def _known_of_baseline(self) -> dict[str, float]:
        try:
            known: dict[str, float] = json.loads(self._baseline.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known

    def trained(self, job: Job) -> bool:
        """Whether nothing that trains is left to do: it is in the cache."""
        stages = [make(Stage, stage) for stage in job.recipe.stages]
        last = max((i for i, stage in enumerate(stages, 1) if stage.trains), default=0)
        return not last or any(self._cache.get(self._key(job, stages, i)) for i in range(len(stages), last - 1, -1))

    def start(self, job: Job) -> Model | None:
        """What a candidate was trained to be before anything was taken from it; None if that is not in the cache."""
        stages = [make(Stage, stage) for stage in job.recipe.stages]
        plain = list(takewhile(lambda stage: stage.trains and not stage.rebuilds and stage.technique is None, stages))
        return self._cache.get(self._key(job, stages, len(plain))) if plain else None

    @property
    def has_teacher(self) -> bool:
        """Whether the baseline needs no training."""
        return self.spec.teacher is None or self.trained(self._teacher_job(MAIN))

    @cached_property
    def _data(self) -> Dataset:
        return loaded(self.spec.data)

    @cached_property
    def _scale(self) -> Scale:
        """How those want their pixels who do not say."""
        return Scale(tuple(self._data.mean), tuple(self._data.std))

    def _begun(self, job: Job) -> tuple[Model, Lab, list[Stage]]:
        """The candidate before its first stage, and where the work is done."""
        student = fitted(job.recipe.student, self.device.round_to)
        classes = len(self._data.classes)
        model = started(student, self._data.inputs, classes, job.seed, lambda: self._model(MAIN))
        examples = self._examples(model.scale or self._scale)
        lab = Lab(
            examples.data,
            examples=examples,
            teachers=partial(self._teacher, examples),
            kept=self._kept,
            seed=job.seed,
            fidelity=job.fidelity,
            round_to=self.device.round_to,
            device=DEVICE,
        )
        return model, lab, [make(Stage, stage) for stage in job.recipe.stages]

    @lru_cache  # noqa: B019 - a bench lives as long as its process
    def _examples(self, scale: Scale) -> Examples:
        data = self._data if scale == self._scale else replace(self._data, mean=scale.mean, std=scale.std)
        return Examples(data, [make(Augmentation, one) for one in self.spec.augment], DEVICE)

    @lru_cache  # noqa: B019
    def _teacher(self, shown: Examples, name: str) -> Teacher:
        return Teacher(self._model(name), self._teacher_key(name), shown.data, shown.device)

    def _model(self, name: str) -> Model:
        """A teacher from the cache, where the baseline's job has put the main one; made if it is not there."""
        if name not in self._models:
            job = self._teacher_job(name)
            model, lab, stages = self._begun(job)
            steps = Course(job, lab, stages, self._cache, partial(self._key, job, stages)).run(model)
            while name not in self._models:
                try:
                    next(steps)
                except StopIteration as end:
                    # whoever learns from it may want another scale than the data's, in which this one was trained
                    self._models[name] = replace(end.value, scale=end.value.scale or self._scale)
        return self._models[name]

    def _teacher_job(self, name: str) -> Job:
        tree = self.spec.teacher if name == MAIN else self.spec.teachers.get(name)
        if tree is None:
            raise ValueError(f"the study has no teacher called {name!r}")
        return Job(BASELINE, Recipe.of(tree), seed=self.spec.seed)

    def _teacher_key(self, name: str) -> str:
        job = self._teacher_job(name)
        stages = [make(Stage, stage) for stage in job.recipe.stages]
        return self._key(job, stages, len(stages))

    def _key(self, job: Job, stages: list[Stage], prefix: int) -> str:
        """Everything that the first `prefix` stages of a recipe depend on."""
        student = job.recipe.student
        parts = [code_version(), rule(DEVICE), job.recipe.keys[prefix], origin(student), self._data.digest]
        parts += [canonical([list(self._scale.mean), list(self._scale.std), len(self._data.classes)])]
        parts += [canonical(list(self.spec.augment)), str(job.seed), str(job.fidelity), str(self.device.round_to)]
        names = [name for stage in stages[:prefix] for name in stage.teachers()]
        if find(Student, student["use"]).of_teacher:
            names.append(MAIN)
        parts += [self._teacher_key(name) for name in dict.fromkeys(names)]
        return digest("model", *parts)
