"""What a file will take before its network has learned anything: neither size nor speed depends on what weights say."""

import json
import math
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from autocompress.compress.model import Model
from autocompress.data.base import Dataset
from autocompress.measure.child import machine
from autocompress.measure.counted import counted
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.appraise import Appraiser, picky
from autocompress.study.artifacts import write_durably
from autocompress.study.cache import code_version
from autocompress.study.course import bits
from autocompress.study.deploy import lowered
from autocompress.values.device import Device
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import canonical, digest

EASE = math.log(0.5)  # half of what is allowed
MORE, FRAME = 1.25, 16_384  # how much larger than its weights a file is at most: times, and bytes
OF_FILES = {"size", "flash", "peak_ram", "energy", "throughput"}


class Foresight:
    """Export the untrained candidate and put it on the scales, if a hard limit speaks of what they tell.

    Equal shapes are measured once: the numbers stay in `folder`, under all that they depend on.
    """

    def __init__(self, appraiser: Appraiser, device: Device, limits: Iterable[Limit], folder: Path) -> None:
        self._appraiser, self._device, self._folder = appraiser, device, folder
        self._limits = [x for x in limits if x.hard and (x.metric in OF_FILES or x.metric.startswith("latency"))]

    def of(self, shape: Model, data: Dataset, baseline: Mapping[str, float]) -> tuple[Measurement, ...]:
        """What is limited and not sure to be kept. Of several runtimes the device takes the fastest, so none is
        foretold. `baseline` are the numbers of the baseline's file, if they are known."""
        doubtful = frozenset(limit.metric for limit in self._limits if not self._surely_kept(limit, shape, baseline))
        if len(self._device.runtimes) > 1 or not (doubtful or picky(self._device)):
            return ()
        place = self._folder / f"{self._key(shape, doubtful)}.json"
        try:
            kept = json.loads(place.read_text(encoding="utf-8"))
            return tuple(Measurement.model_validate(m) for m in kept)
        except (OSError, ValueError):
            found = self._measured(shape, data, doubtful)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_durably(place, json.dumps([m.model_dump(mode="json") for m in found]).encode())
        return found

    def _surely_kept(self, limit: Limit, shape: Model, baseline: Mapping[str, float]) -> bool:
        """By a file that is not much larger than its weights; or by a network with no more to do and to store than the
        baseline, whose own file keeps the limit with ease."""
        if limit.bound is None:
            return False
        params, macs, weights = counted(shape.net, shape.inputs, bits(shape))
        if limit.metric == "size":
            return limit.violation(weights.value * MORE + FRAME) < 0
        less = all(m.metric in baseline and m.value <= baseline[m.metric] for m in (params, macs))
        return less and limit.metric in baseline and limit.violation(baseline[limit.metric]) < EASE

    def _measured(self, shape: Model, data: Dataset, doubtful: frozenset[str]) -> tuple[Measurement, ...]:
        listed = self._device.runtime
        with tempfile.TemporaryDirectory(prefix="autocompress-") as name:
            file = lowered(shape, make(Runtime, {"use": listed.name}), Path(name), data)
            found = self._appraiser.of_file(file, shape, listed, timed=bool(doubtful - {"size", "flash"}))
        untrained = (m.model_copy(update={"on": f"{m.on}, untrained"}) for m in found)
        return tuple(m for m in untrained if m.metric in doubtful)

    def _key(self, shape: Model, doubtful: frozenset[str]) -> str:
        """Everything that the numbers depend on."""
        where = self._device.model_dump_json(exclude={"limits", "objectives", "name", "notes", "tags", "provenance"})
        runtime = make(Runtime, {"use": self._device.runtime.name}).version
        shapes = {name: list(p.shape) for name, p in shape.net.named_parameters()}
        built = canonical({"student": shape.student, "shapes": shapes, "quantizer": shape.quantizer})
        size = canonical([list(shape.inputs), shape.classes, sorted(doubtful)])
        return digest("file", code_version(), machine(), runtime, where, built, size)
