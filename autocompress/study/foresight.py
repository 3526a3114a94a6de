"""What a file will take before its network has learned anything: neither size nor speed depends on what weights say."""

import json
import math
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.data.base import Dataset
from autocompress.measure.child import machine
from autocompress.measure.estimators._layer import Layer
from autocompress.measure.layers_of_network import layers_of
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.appraise import Appraiser, picky
from autocompress.study.artifacts import write_durably
from autocompress.study.cache import FILES, code_version
from autocompress.study.deploy import lowered
from autocompress.study.screen import Screen, breaks, keeps
from autocompress.values.device import Device
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import canonical, digest

EASE = math.log(0.5)  # half of what is allowed
MORE, FRAME = 1.25, 16_384  # how much larger than its weights a file is at most: times, and bytes
LATENCY = "latency_"
OF_FILES = {"size", "flash", "peak_ram", "energy", "power", "throughput"}


class Foresight:
    """Export the untrained candidate and put it on the scales, if a hard limit or an aim speaks of what they tell.

    Equal shapes are measured once: the numbers stay in `folder`, under all that they depend on. Of latencies that are
    taken here, those of others tell after a while which candidates are too slow or fast enough beyond doubt: these are
    neither exported nor measured.
    """

    def __init__(
        self,
        appraiser: Appraiser,
        device: Device,
        limits: Iterable[Limit],
        folder: Path,
        aims: Iterable[str] = (),
    ) -> None:
        """`aims`: metrics that are wanted of every candidate, whether or not they are limited."""
        self._appraiser, self._device, self._folder = appraiser, device, folder
        self._aims = frozenset(metric for metric in aims if metric in OF_FILES or metric.startswith(LATENCY))
        self._limits = [x for x in limits if x.hard and (x.metric in OF_FILES or x.metric.startswith(LATENCY))]

    def of(
        self, shape: Model, known: Iterable[Measurement], data: Dataset, baseline: Mapping[str, float]
    ) -> tuple[Measurement, ...]:
        """What is limited and not sure to be kept. Of several runtimes the device takes the fastest, so none is
        foretold. `known` is what was counted of the shape, `baseline` the numbers of the baseline's file, if they are
        known."""
        numbers = {m.metric: m.value for m in known}
        doubtful = frozenset(limit.metric for limit in self._limits if not _surely_kept(limit, numbers, baseline))
        wanted = doubtful | self._aims
        if len(self._device.runtimes) > 1 or not (wanted or picky(self._device)):
            return ()
        if (noted := self._noted(shape, wanted)) is not None:
            return noted
        told = self._screened(shape, wanted)
        if too_slow := tuple(m for m in told if any(breaks(limit, m) for limit in self._of(m.metric))):
            return too_slow
        good = tuple(m for m in told if all(keeps(limit, m) for limit in self._of(m.metric)))
        wanted -= {m.metric for m in good}
        good = tuple(m for m in good if m.metric in self._aims)
        if not (wanted or picky(self._device)):
            return good
        if (noted := self._noted(shape, wanted)) is not None:
            return good + noted
        found = self._measured(shape, data, wanted)
        write_durably(self._place(shape, wanted), json.dumps([m.model_dump(mode="json") for m in found]).encode())
        return good + found

    def learn(self, model: Model, found: Iterable[Measurement]) -> None:
        """What a model took that was measured, whatever for: the next are told from it."""
        latencies = {m.metric: m.value for m in found if m.metric.startswith(LATENCY) and m.how == "measured"}
        if latencies and len(self._device.runtimes) == 1:
            self._screen(model).add(_layers(model), latencies)

    def _of(self, metric: str) -> list[Limit]:
        return [limit for limit in self._limits if limit.metric == metric]

    def _screened(self, shape: Model, doubtful: frozenset[str]) -> tuple[Measurement, ...]:
        """The latencies among what is doubtful, as far as others tell them."""
        latencies = [metric for metric in sorted(doubtful) if metric.startswith(LATENCY)]
        if self._device.measurement != "local" or not latencies:
            return ()
        screen, layers = self._screen(shape), _layers(shape)
        return tuple(m for metric in latencies if (m := screen.latency(metric, layers)))

    def _screen(self, model: Model) -> Screen:
        """Of all that runs here as this model does. Schemes of few bits differ in more than the bits."""
        listed, runtime = self._device.runtime, make(Runtime, {"use": self._device.runtime.name}).version
        threads = f"{listed.threads} thread{'s' if listed.threads > 1 else ''}"
        where = f"{runtime}, {threads}, batch {self._device.protocol.batch}, {machine()}"
        how = canonical(model.quantizer["use"] if model.quantizer else "")
        return Screen(self._folder / "measured" / digest(code_version(FILES), where, how), where)

    def _noted(self, shape: Model, doubtful: frozenset[str]) -> tuple[Measurement, ...] | None:
        """What was said of the same before; what is damaged was not said."""
        try:
            kept = json.loads(self._place(shape, doubtful).read_text(encoding="utf-8"))
            return tuple(Measurement.model_validate(m) for m in kept)
        except (OSError, ValueError):
            return None

    def _measured(self, shape: Model, data: Dataset, doubtful: frozenset[str]) -> tuple[Measurement, ...]:
        listed = self._device.runtime
        with tempfile.TemporaryDirectory(prefix="autocompress-") as name:
            file = lowered(shape, make(Runtime, {"use": listed.name}), Path(name), data)
            found = self._appraiser.of_file(file, shape, listed, timed=bool(doubtful - {"size", "flash"}))
        self.learn(shape, found)
        untrained = (m.model_copy(update={"on": f"{m.on}, untrained"}) for m in found)
        return tuple(m for m in untrained if m.metric in doubtful)

    def _place(self, shape: Model, doubtful: frozenset[str]) -> Path:
        """Named by everything that the numbers depend on."""
        where = self._device.model_dump_json(exclude={"limits", "objectives", "name", "notes", "tags", "provenance"})
        runtime = make(Runtime, {"use": self._device.runtime.name}).version
        shapes = {name: list(p.shape) for name, p in shape.net.named_parameters()}
        built = canonical({"student": shape.student, "shapes": shapes, "quantizer": shape.quantizer})
        size = canonical([list(shape.inputs), shape.classes, sorted(doubtful)])
        return self._folder / f"{digest('file', code_version(FILES), machine(), runtime, where, built, size)}.json"


def _layers(model: Model) -> tuple[Layer, ...]:
    quantizer = make(Quantizer, model.quantizer) if model.quantizer else None
    return layers_of(model.net, model.inputs, quantizer.layer_bits(model.net) if quantizer else {})


def _surely_kept(limit: Limit, known: Mapping[str, float], baseline: Mapping[str, float]) -> bool:
    """By a file that is not much larger than its weights, counted; or by a network with no more to do and to store than
    the baseline, whose own file keeps the limit with ease."""
    if limit.bound is None:
        return False
    if limit.metric == "size":
        return limit.violation(known["size"] * MORE + FRAME) < 0
    less = all(metric in baseline and known[metric] <= baseline[metric] for metric in ("params", "macs"))
    return less and limit.metric in baseline and limit.violation(baseline[limit.metric]) < EASE
