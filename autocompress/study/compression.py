"""What a compression candidate goes through: shapes, stages, export, measurement. The default work of a study."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from autocompress.compress.lab import Lab
from autocompress.compress.manifest import MANIFEST, WEIGHTS, save
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.stages.base import Stage
from autocompress.data.base import Data, Dataset
from autocompress.measure.accuracy import accuracy, answers
from autocompress.measure.counted import counted
from autocompress.measure.export import slim, to_onnx
from autocompress.measure.latency import latency
from autocompress.measure.parity import parity
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.artifacts import Artifacts, write_durably
from autocompress.study.cache import Cache, code_version
from autocompress.study.course import Course, bits, shapes
from autocompress.study.evaluate import Events
from autocompress.study.home import cache_folder
from autocompress.values.job import BASELINE, Done, Gated, Job, Outcome, Progress
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe, digest
from autocompress.values.study import StudySpec

INTEGER = {"agreement": 0.8, "change": 0.2}  # beyond this an integer file is broken, not coarse
BATCH = 32  # of calibration


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
    """One worker's place: the data, the teacher, the cache, the runtime."""

    def __init__(self, spec: StudySpec, folder: Path) -> None:
        assert spec.device is not None, "a compression study has a device"
        self.spec, self.device = spec, spec.device
        self._artifacts = Artifacts(folder / "artifacts")
        self._reference = folder / "reference.onnx"  # the baseline's file, beside which every latency is taken
        self._cache = Cache(cache_folder())
        self._runtime = {"use": self.device.runtime.name, "threads": self.device.runtime.threads}

    def work(self, job: Job) -> Events:
        began = time.monotonic()
        lab = self._lab(job, None if job.number == BASELINE else self._teacher)
        model, course, stages = self._course(job, lab)
        known = shapes(model, stages, lab)
        if not (yield Gated(job.number, known, time.monotonic() - began)):
            yield Done(job.number, Outcome("stopped", known, seconds=time.monotonic() - began))
            return
        made = yield from course.run(model)
        if made is None:
            seconds = time.monotonic() - began
            yield Done(job.number, Outcome("stopped", known, {}, seconds, len(stages), course.cached))
            return
        yield Progress(job.number, "exporting and measuring")
        measurements, artifacts = self._measured(made, job.number == BASELINE)
        seconds = time.monotonic() - began
        yield Done(job.number, Outcome("complete", measurements, artifacts, seconds, len(stages), course.cached))

    def _measured(self, model: Model, is_baseline: bool) -> tuple[tuple[Measurement, ...], dict[str, str]]:
        """Export once; then every number comes from the file, in its runtime."""
        with tempfile.TemporaryDirectory(prefix="autocompress-") as name:
            folder = Path(name)
            file = exported(model, folder, self._data)
            runtime = make(Runtime, self._runtime)
            x, y = self._validation
            logits = answers(runtime.open(file), x)
            parity(model.net, logits, x, y, **(INTEGER if model.quantizer else {}))
            if is_baseline:
                write_durably(self._reference, file.read_bytes())
            reference = self._reference if self._reference.exists() else file
            times = latency(file, reference, self._runtime, model.inputs, self.device.protocol)
            params, macs, _ = counted(model.net, model.inputs, bits(model))
            size = Measurement(metric="size", value=file.stat().st_size, how="measured", on=file.name)
            right = accuracy(logits, y, f"{file.name}, {runtime.version}, validation split")
            save(model, folder, mean=self._data.mean, std=self._data.std)
            files = {"model": file, "manifest": folder / MANIFEST, "weights": folder / WEIGHTS}
            return (right, *times, size, params, macs), {k: self._artifacts.put(v) for k, v in files.items()}

    @cached_property
    def _data(self) -> Dataset:
        return make(Data, self.spec.data).load()

    @cached_property
    def _validation(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return self._data.prepared(self._data.val.x), self._data.val.y

    @cached_property
    def _teacher(self) -> Model | None:
        """From the cache, where the baseline's job has put it; made again if it is gone from there."""
        if self.spec.teacher is None:
            return None
        job = Job(BASELINE, Recipe.of(self.spec.teacher), seed=self.spec.seed)
        model, course, _ = self._course(job, self._lab(job, None))
        steps = course.run(model)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                teacher: Model = end.value
                return teacher

    def _course(self, job: Job, lab: Lab) -> tuple[Model, Course, list[Stage]]:
        model = Model.fresh(job.recipe.student, self._data.inputs, len(self._data.classes), job.seed)
        stages = [make(Stage, stage) for stage in job.recipe.stages]
        return model, Course(job, lab, stages, self._cache, partial(self._key, job, stages)), stages

    def _lab(self, job: Job, teacher: Model | None) -> Lab:
        return Lab(
            self._data,
            teacher=teacher,
            seed=job.seed,
            fidelity=job.fidelity,
            round_to=self.device.round_to,
            device="cuda" if torch.cuda.is_available() else "cpu",
        )

    def _key(self, job: Job, stages: list[Stage], prefix: int) -> str:
        """Everything that the first `prefix` stages of a recipe depend on."""
        parts = [code_version(), job.recipe.keys[prefix], self._data.digest, str(job.seed), str(job.fidelity)]
        parts.append(str(self.device.round_to))
        if any(stage.needs_teacher() for stage in stages[:prefix]):
            parts.append(Recipe.of(self.spec.teacher).key)
        return digest("model", *parts)


def exported(model: Model, folder: Path, data: Dataset) -> Path:
    """The file that would be shipped: `model.onnx`, in as few bits as the model's quantizer says."""
    file = folder / "model.onnx"
    if model.quantizer is None:
        to_onnx(model.net, model.inputs, file)
        return file
    whole = folder / "float.onnx"
    to_onnx(model.net, model.inputs, whole)
    quantizer = make(Quantizer, model.quantizer)
    quantizer.convert(whole, file, _calibration(data, quantizer.calibration_examples))
    slim(file)
    return file


def _calibration(data: Dataset, examples: int) -> Iterator[NDArray[np.float32]]:
    """The first training images, which the split has shuffled already."""
    for start in range(0, min(examples, len(data.train)), BATCH):
        yield data.prepared(data.train.x[start : min(start + BATCH, examples)])
