"""Everything there is to know of a candidate's file: measured here, or told by the device's estimators."""

import json
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autocompress.compress.manifest import MANIFEST, WEIGHTS, save
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.data.base import Dataset
from autocompress.errors import Failure
from autocompress.measure.accuracy import answers, per_class, scores
from autocompress.measure.counted import bops, counted, layer_macs, nonzero
from autocompress.measure.empty import empty
from autocompress.measure.executed import executed
from autocompress.measure.graph import Graph
from autocompress.measure.graph_of_file import read
from autocompress.measure.latency import race
from autocompress.measure.memory import flash, peak_ram
from autocompress.measure.packed import compressed, packed
from autocompress.measure.parity import parity
from autocompress.measure.rules import broken, uneven
from autocompress.measure.runtimes.base import Runtime
from autocompress.measure.skipped import skipped
from autocompress.measure.stored import stored
from autocompress.measure.throughput import throughput
from autocompress.plugin import make
from autocompress.study.artifacts import write_durably
from autocompress.study.course import bits
from autocompress.study.deploy import FLOAT, lowered, runs_in
from autocompress.study.estimates import estimated
from autocompress.values import device as devices
from autocompress.values.device import Device
from autocompress.values.dialect import Dialect
from autocompress.values.measurement import Measurement

FAITHFUL = (0.98, 0.005)  # share of equal answers, change in accuracy
COARSE = (0.8, 0.2)  # of a file that a tool took bits from: beyond this it is broken
BYTE, HALF = 8, 16  # bits


@dataclass(frozen=True)
class Appraised:
    measurements: tuple[Measurement, ...]
    files: dict[str, Path]  # by role

    @property
    def speed(self) -> float:
        """By which runtimes are compared."""
        return next((m.value for m in self.measurements if m.metric == "latency_p50"), 0.0)


class Appraiser:
    """One device's scales. `wanted` are the metrics that a study asks for by name: some take long. `folder` keeps the
    baseline's files, beside which every latency is taken once they are there."""

    def __init__(self, device: Device, wanted: set[str], folder: Path) -> None:
        self._device, self._wanted, self._folder = device, wanted, folder

    def appraised(self, model: Model, data: Dataset, folder: Path, *, is_baseline: bool = False) -> Appraised:
        """In each runtime that the device lists. The one in which the model is fastest counts."""
        found, failed = [], []
        for place, listed in enumerate(self._device.runtimes):
            room = folder / str(place)
            room.mkdir()
            try:
                found.append(self._in(listed, model, data, room, is_baseline))
            except Failure as failure:
                failed.append(failure)
        if not found:
            raise failed[0]
        return min(found, key=lambda each: each.speed)

    def _in(self, listed: devices.Runtime, model: Model, data: Dataset, folder: Path, is_baseline: bool) -> Appraised:
        settings = _settings(listed)
        runtime = make(Runtime, settings)
        if runtime.missing:
            raise Failure("measure", runtime.missing)
        file = lowered(model, runtime, folder, data, twin=self._device.measurement == "local")
        y = data.val.y
        logits = answers(runtime.open(file), data.shown(data.val))
        agreement, change = COARSE if model.quantizer and not model.gridded else FAITHFUL
        quantizer = make(Quantizer, model.quantizer) if model.quantizer else None
        layers = partial(quantizer.frozen, model.net, Dialect()) if quantizer else None
        shown = data.shown(data.val)
        seen = parity(model.net, logits, shown, y, agreement=agreement, change=change, file=file, layers=layers)
        right = _noted(scores(logits, y, f"{file.name}, {runtime.version}, validation split"), "accuracy", str(seen))
        parts = (*counted(model.net, model.inputs, bits(model))[:2], nonzero(model.net))
        numbers = right + parts + self.of_file(file, model, listed, is_baseline)
        save(model, folder, mean=data.mean, std=data.std)
        papers: dict[str, Any] = {
            "runtime": runs_in(settings, runtime),
            "classes": per_class(logits, y, data.classes),
        }
        if file.suffix == ".onnx":
            papers["stored"] = {layer: each._asdict() for layer, each in stored(file).items()}
        for role, content in papers.items():
            (folder / f"{role}.json").write_text(json.dumps(content, sort_keys=True), encoding="utf-8")
        files = {role: folder / f"{role}.json" for role in papers}
        return Appraised(numbers, {"model": file, "manifest": folder / MANIFEST, "weights": folder / WEIGHTS} | files)

    def of_file(
        self, file: Path, model: Model, listed: devices.Runtime, is_baseline: bool = False, *, timed: bool = True
    ) -> tuple[Measurement, ...]:
        """What does not depend on how good its answers are. Unless `timed`, nothing is run."""
        note = str(executed(file)) if model.quantizer and file.suffix == ".onnx" else ""
        size = Measurement(metric="size", value=file.stat().st_size, how="measured", on=file.name, note=note)
        found = [size]
        if file.suffix == ".onnx" and (model.sparse or self._wanted & {"sparsity", "size_packed"}):
            found += _noted(packed(file), "sparsity", skipped(model.net, model.sparse, self._device))
        if "bops" in self._wanted:
            found.append(self._bops(model))
        if "size_lzma" in self._wanted:
            found.append(compressed(file))
        if self._device.measurement == "local" and timed:
            found += self._times(file, model, listed, is_baseline)
            if "peak_ram" in self._wanted and self._device.estimator("peak_ram") is None:
                found.append(self._memory(file, model, listed))
        return (*found, *self._told(file, model, listed, tuple(found), is_baseline))

    def _told(
        self, file: Path, model: Model, listed: devices.Runtime, measured: tuple[Measurement, ...], is_baseline: bool
    ) -> tuple[Measurement, ...]:
        """What the file's graph tells: whether the device can run it at all, and what its estimators make of it."""
        device = self._device
        wants_flash = "flash" in self._wanted and device.estimator("flash") is None
        if not (any(map(device.estimator, device.estimators)) or wants_flash or picky(device)):
            return ()
        graph, on = read(file), file.name
        if is_baseline and max(device.bits) < HALF:  # it is not for the device, only for comparison
            graph, on = graph.in_bits(BYTE), f"{on} if it were in {BYTE} bits"
        else:
            refuse_what_it_cannot_run(device, graph)
            if why := uneven(self._bits(model), device):
                raise Failure("unsupported", f"{device.id} cannot run it: {why}")
        kept: tuple[Measurement, ...] = ()
        if wants_flash:  # tools that write code take the weights out of a file; interpreters are given the file
            whole = on == file.name and not (listed.of and listed.export in ("onnx", "onnx-qdq"))
            stored, what = (file.stat().st_size, on) if whole else (graph.weight_bytes, f"weights of {on}")
            kept = (flash(stored, listed.flash_code, f"{what}, and {listed.title}"),)
        told = estimated(device, graph, {m.metric: m.value for m in measured}, on, self._wanted)
        missing = sorted(told.reasons.keys() & self._wanted)
        if missing and graph.source:  # a baseline that is told of in bits it does not have may lack a number
            raise Failure("measure", f"{missing[0]}: {told.reasons[missing[0]]}")
        return kept + told.found

    def _times(self, file: Path, model: Model, listed: devices.Runtime, is_baseline: bool) -> tuple[Measurement, ...]:
        """Beside the baseline, and beside the same network in 32 bits if this one has fewer."""
        settings = _settings(listed)
        reference = self._folder / f"reference-{listed.name}{file.suffix}"
        if is_baseline:
            reference.parent.mkdir(parents=True, exist_ok=True)
            write_durably(reference, file.read_bytes())
        twin = file.with_name(f"{FLOAT}{file.suffix}")
        files = [file, *(other for other in (reference, twin) if other.exists())]
        nothing = self._nothing(make(Runtime, settings), listed, model.inputs)
        ran = race(files, settings, model.inputs, self._device.protocol, empty=nothing)
        times = ran.latency()
        if twin in files and (duel := ran.duel(0, files.index(twin))).lost:
            slower = f"slower than in 32 bits: {duel} x"
            times = tuple(m.model_copy(update={"note": f"{slower}; {m.note}"}) for m in times)
        speed = (throughput(times, self._device.protocol.batch),) if "throughput" in self._wanted else ()
        return times + speed

    def _bops(self, model: Model) -> Measurement:
        return bops(layer_macs(model.net, model.inputs), self._bits(model))

    def _bits(self, model: Model) -> dict[str, tuple[float, float]]:
        return make(Quantizer, model.quantizer).layer_bits(model.net) if model.quantizer else {}

    def _memory(self, file: Path, model: Model, listed: devices.Runtime) -> Measurement:
        settings = _settings(listed)
        nothing = self._nothing(make(Runtime, settings), listed, model.inputs)
        return peak_ram(file, nothing, settings, model.inputs, self._device.protocol)

    def _nothing(self, runtime: Runtime, listed: devices.Runtime, inputs: tuple[int, int, int]) -> Path:
        """A model that computes nothing. Writing one takes as long as any, so it is kept."""
        kept = self._folder / f"empty-{listed.name}{runtime.suffix}"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
                write_durably(kept, empty(runtime, inputs, Path(folder)).read_bytes())
        return kept


def _noted(measurements: tuple[Measurement, ...], metric: str, note: str) -> tuple[Measurement, ...]:
    """What a reader of one of them must know, too."""
    said = {m.metric: "; ".join(filter(None, (m.note, note))) for m in measurements if m.metric == metric}
    return tuple(m.model_copy(update={"note": said.get(m.metric, m.note)}) for m in measurements)


def _settings(listed: devices.Runtime) -> dict[str, Any]:
    return {"use": listed.name, "threads": listed.threads}


def refuse_what_it_cannot_run(device: Device, graph: Graph) -> None:
    fatal = [one for one in broken(graph, device) if one.fatal]
    if fatal:
        more = f" (and {len(fatal) - 1} more)" if len(fatal) > 1 else ""
        raise Failure("unsupported", f"{device.id} cannot run {fatal[0].operation}: {fatal[0].why}{more}")


def picky(device: Device) -> bool:
    """Whether there is anything that a model must not contain."""
    rules = device.operators
    must = device.channel_policy == "require" or (not device.mixed and len(device.bits) > 1)
    return must or max(device.bits) < HALF or rules.allow is not None or bool(rules.deny or rules.limits)
