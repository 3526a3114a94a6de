"""What a compression candidate goes through: shapes, stages, export, measurement. The default work of a study."""

import json
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path

import torch

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.examples import Examples
from autocompress.compress.kept import Kept
from autocompress.compress.lab import Lab
from autocompress.compress.manifest import MANIFEST, WEIGHTS, save
from autocompress.compress.model import Model
from autocompress.compress.precision import rule
from autocompress.compress.stages.base import Stage
from autocompress.compress.start import fitted, origin, started
from autocompress.compress.students.base import Scale, Student
from autocompress.compress.teacher import Teacher
from autocompress.data.base import Dataset, loaded
from autocompress.measure.accuracy import accuracy, answers
from autocompress.measure.counted import counted
from autocompress.measure.latency import latency
from autocompress.measure.packed import compressed, packed
from autocompress.measure.parity import parity
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import find, make
from autocompress.study.artifacts import Artifacts, write_durably
from autocompress.study.cache import Cache, code_version
from autocompress.study.course import Course, bits, shapes
from autocompress.study.deploy import lowered, runs_in
from autocompress.study.evaluate import Events
from autocompress.study.home import cache_folder
from autocompress.values.job import BASELINE, Done, Gated, Job, Outcome, Progress
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe, canonical, digest
from autocompress.values.study import StudySpec

MAIN = "teacher"  # the one that is the baseline
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
INTEGER = {"agreement": 0.8, "change": 0.2}  # beyond this an integer file is broken, not coarse


@dataclass(frozen=True)
class Compression:
    """Travels to the workers as data; each builds its bench once."""

    spec: StudySpec
    folder: str

    def __call__(self, job: Job) -> Events:
        return _bench(self.spec.model_dump_json(), self.folder).work(job)


@cache
def _bench(spec: str, folder: str) -> "Bench":
    return Bench(StudySpec.model_validate_json(spec), Path(folder))


class Bench:
    """One worker's place: the data, the teachers, the cache, the runtime."""

    def __init__(self, spec: StudySpec, folder: Path) -> None:
        assert spec.device is not None, "a compression study has a device"
        self.spec, self.device = spec, spec.device
        self._artifacts = Artifacts(folder / "artifacts")
        self._reference = folder / "reference.onnx"  # the baseline's file, beside which every latency is taken
        self._cache = Cache(cache_folder())
        self._kept = Kept(self._cache.answers)
        self._runtime = {"use": self.device.runtime.name, "threads": self.device.runtime.threads}
        self._models: dict[str, Model] = {}  # teachers, by name

    def work(self, job: Job) -> Events:
        began = time.monotonic()
        model, lab, stages = self._begun(job)
        known = shapes(model, stages, lab)
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
        measurements, artifacts = self._measured(made, lab.data, job.number == BASELINE)
        seconds = time.monotonic() - began
        yield Done(job.number, Outcome("complete", measurements, artifacts, seconds, len(stages), course.cached))

    def _measured(
        self, model: Model, data: Dataset, is_baseline: bool
    ) -> tuple[tuple[Measurement, ...], dict[str, str]]:
        """Export once; then every number comes from the file, in its runtime."""
        with tempfile.TemporaryDirectory(prefix="autocompress-") as name:
            folder = Path(name)
            runtime = make(Runtime, self._runtime)
            file = lowered(model, runtime, folder, data)
            y = data.val.y
            logits = answers(runtime.open(file), data.shown(data.val))
            parity(model.net, logits, data.shown(data.val), y, **(INTEGER if model.quantizer else {}))
            if is_baseline:
                write_durably(self._reference, file.read_bytes())
            reference = self._reference if self._reference.exists() else file
            times = latency(file, reference, self._runtime, model.inputs, self.device.protocol)
            params, macs, _ = counted(model.net, model.inputs, bits(model))
            size = Measurement(metric="size", value=file.stat().st_size, how="measured", on=file.name)
            zeros = packed(file) if model.sparse or self._wanted & {"sparsity", "size_packed"} else ()
            small = (compressed(file),) if "size_lzma" in self._wanted else ()
            right = accuracy(logits, y, f"{file.name}, {runtime.version}, validation split")
            save(model, folder, mean=data.mean, std=data.std)
            papers = folder / "runtime.json"
            papers.write_text(json.dumps(runs_in(self._runtime, runtime), sort_keys=True))
            files = {"model": file, "manifest": folder / MANIFEST, "weights": folder / WEIGHTS, "runtime": papers}
            found = (right, *times, size, *zeros, *small, params, macs)
            return found, {role: self._artifacts.put(path) for role, path in files.items()}

    @cached_property
    def _wanted(self) -> set[str]:
        """What the study asks for by name: some numbers take long."""
        return {aim.metric for aim in self.spec.objectives} | {limit.metric for limit in self.spec.limits}

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
