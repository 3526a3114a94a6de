"""One candidate seen from afar: what its shape and its untrained file take, before anything is trained."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.stages.base import Stage
from autocompress.compress.start import fitted, started
from autocompress.compress.teacher import Teacher
from autocompress.data.base import loaded
from autocompress.measure.counted import bops, counted, layer_macs
from autocompress.plugin import make
from autocompress.search.gate import refused
from autocompress.study.appraise import Appraiser, picky
from autocompress.study.compression import MAIN
from autocompress.study.course import bits, shaped
from autocompress.study.evaluate import diagnosed
from autocompress.study.foresight import OF_FILES, Foresight
from autocompress.study.here import refusal
from autocompress.study.home import cache_folder
from autocompress.values.device import estimated_as
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.recipe import Recipe
from autocompress.values.study import StudySpec

COUNTED = {"params", "macs", "size", "bops"}  # of the network


@dataclass(frozen=True)
class Sight:
    """What was seen of a recipe. A limit that is not among `found` may be kept, unless the recipe was `refused`."""

    recipe: Recipe
    found: dict[str, Measurement] = field(default_factory=dict)
    refused: bool = False  # by what is counted, so nobody looked at its file
    failed: str = ""  # why there is no such network, or no such file

    def keeps(self, limit: Limit) -> bool | None:
        """None: nobody can say."""
        if self.failed:
            return False
        return limit.violation(self.found[limit.metric].value) <= 0 if limit.metric in self.found else None


class Scout:
    """Looks at one recipe after another. Numbers of files are kept where the study will find them again."""

    def __init__(self, spec: StudySpec, folder: Path) -> None:
        assert spec.device is not None, "a compression study has a device"
        self._spec, self._device = spec, spec.device
        self.unseen = {x: why for x in spec.limits if x.hard and (why := unseen(spec, x))}
        self.limits = tuple(x for x in spec.limits if x.hard and x not in self.unseen)
        self._metrics = {limit.metric for limit in self.limits}
        self._of_files = bool(self._metrics - COUNTED or "size" in self._metrics or picky(spec.device))
        self._of_files &= not refusal(spec)
        self._folder = folder

    def look(self, recipe: Recipe) -> Sight:
        """As the gate would: what is counted first, and the file only of those that it does not refuse."""
        try:
            numbers = self._numbers(recipe)
            known = next(numbers)
            if refused(known, self.limits):
                return Sight(recipe, by_metric(known), refused=True)
            return Sight(recipe, by_metric((*known, *next(numbers, ()))))
        except Exception as error:
            return Sight(recipe, failed=_words(error))

    def _numbers(self, recipe: Recipe) -> Iterator[tuple[Measurement, ...]]:
        stages = [make(Stage, tree) for tree in recipe.stages]
        shape = shaped(self._begun(recipe), stages, self._lab)
        known = counted(shape.net, shape.inputs, bits(shape))
        yield (*known, _bops(shape)) if "bops" in self._metrics else known
        if self._of_files and all(stage.exact for stage in stages):
            yield self._foresight.of(shape, known, self._lab.data, {})

    @cached_property
    def _lab(self) -> Lab:
        return Lab(loaded(self._spec.data), teachers=self._teacher, round_to=self._device.round_to)

    @cached_property
    def _foresight(self) -> Foresight:
        appraiser = Appraiser(self._device, self._metrics, self._folder)
        return Foresight(appraiser, self._device, self.limits, cache_folder() / "files")

    def _begun(self, recipe: Recipe) -> Model:
        """With any weights."""
        data, student = self._lab.data, fitted(recipe.student, self._device.round_to)
        teacher = lambda: self._teacher(MAIN).model  # noqa: E731
        return started(student, data.inputs, len(data.classes), self._spec.seed, teacher, pretrain=False)

    @cache  # noqa: B019 - a scout lives as long as its errand
    def _teacher(self, name: str) -> Teacher:
        """Of the right build, and ignorant."""
        tree = self._spec.teacher if name == MAIN else self._spec.teachers.get(name)
        if not tree:
            raise ValueError(f"the study has no teacher called {name!r}")
        recipe = Recipe.of(tree)
        model = shaped(self._begun(recipe), [make(Stage, stage) for stage in recipe.stages], self._lab)
        return Teacher(model, name, self._lab.data, self._lab.device)


def unseen(spec: StudySpec, limit: Limit) -> str:
    """Why nobody can tell before training whether it is kept; empty if its number can be had."""
    assert spec.device is not None, "a compression study has a device"
    device, metric = spec.device, limit.metric
    if metric in COUNTED:
        return ""
    if metric != "flash" and device.estimator(metric) is None:
        clock = estimated_as(metric) in ("latency", "peak_ram")
        return "measured while the study runs" if clock else "known once a candidate is trained"
    if not (metric in OF_FILES or metric.startswith("latency_")):
        return "known once a candidate is trained"
    if len(device.runtimes) > 1:
        return f"{device.id} takes the fastest of several runtimes, file by file"
    return refusal(spec)


def _bops(shape: Model) -> Measurement:
    quantizer = make(Quantizer, shape.quantizer) if shape.quantizer else None
    return bops(layer_macs(shape.net, shape.inputs), quantizer.layer_bits(shape.net) if quantizer else {})


def _words(error: Exception) -> str:
    code, text = diagnosed(error)
    if code == "unexpected" and not isinstance(error, ValueError):
        return text.strip().splitlines()[-1]
    return str(error).strip().partition("\n")[0] or code
