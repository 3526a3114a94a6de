"""What a file will take before its network has learned anything: neither size nor speed depends on what weights say."""

import json
import tempfile
from pathlib import Path

from autocompress.compress.model import Model
from autocompress.data.base import Dataset
from autocompress.measure.child import machine
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.appraise import Appraiser, picky
from autocompress.study.artifacts import write_durably
from autocompress.study.cache import code_version
from autocompress.study.deploy import lowered
from autocompress.values.device import Device
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import canonical, digest

OF_FILES = {"size", "flash", "peak_ram", "energy", "throughput"}


class Foresight:
    """Export the untrained candidate and put it on the scales, if a hard limit speaks of what they tell.

    Equal shapes are measured once: the numbers stay in `folder`, under all that they depend on.
    """

    def __init__(self, appraiser: Appraiser, device: Device, hard: set[str], folder: Path) -> None:
        self._appraiser, self._device, self._folder = appraiser, device, folder
        self._limited = {metric for metric in hard if metric in OF_FILES or metric.startswith("latency")}

    def of(self, shape: Model, data: Dataset) -> tuple[Measurement, ...]:
        """Only what is limited. Of several runtimes the device takes the fastest, so none is foretold."""
        if len(self._device.runtimes) > 1 or not (self._limited or picky(self._device)):
            return ()
        place = self._folder / f"{self._key(shape)}.json"
        try:
            kept = json.loads(place.read_text(encoding="utf-8"))
            return tuple(Measurement.model_validate(m) for m in kept)
        except (OSError, ValueError):
            found = self._measured(shape, data)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_durably(place, json.dumps([m.model_dump(mode="json") for m in found]).encode())
        return found

    def _measured(self, shape: Model, data: Dataset) -> tuple[Measurement, ...]:
        listed = self._device.runtime
        with tempfile.TemporaryDirectory(prefix="autocompress-") as name:
            file = lowered(shape, make(Runtime, {"use": listed.name}), Path(name), data)
            found = self._appraiser.of_file(file, shape, listed)
        untrained = (m.model_copy(update={"on": f"{m.on}, untrained"}) for m in found)
        return tuple(m for m in untrained if m.metric in self._limited)

    def _key(self, shape: Model) -> str:
        """Everything that the numbers depend on."""
        where = self._device.model_dump_json(exclude={"limits", "objectives", "name", "notes", "tags", "provenance"})
        runtime = make(Runtime, {"use": self._device.runtime.name}).version
        shapes = {name: list(p.shape) for name, p in shape.net.named_parameters()}
        built = canonical({"student": shape.student, "shapes": shapes, "quantizer": shape.quantizer})
        size = canonical([list(shape.inputs), shape.classes, sorted(self._limited)])
        return digest("file", code_version(), machine(), runtime, where, built, size)
