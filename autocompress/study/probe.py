"""Will it work? Every student of a space meets every stage, on a handful of images, before a study spends an hour."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from torch.fx import GraphModule

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.cutting.dissector import SHARED
from autocompress.compress.examples import Examples
from autocompress.compress.grid.place import left
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.stages._training import Taught
from autocompress.compress.stages.base import Stage
from autocompress.compress.start import fitted, started
from autocompress.compress.students.base import Student
from autocompress.compress.teacher import Teacher
from autocompress.data.base import Dataset, Split, loaded
from autocompress.errors import Failure
from autocompress.measure.counted import counted
from autocompress.measure.graph_of_file import read
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.appraise import picky, refuse_what_it_cannot_run
from autocompress.study.compression import MAIN
from autocompress.study.deploy import lowered
from autocompress.study.evaluate import diagnosed
from autocompress.values import device as devices
from autocompress.values.device import Device
from autocompress.values.metric import show
from autocompress.values.recipe import Recipe
from autocompress.values.space import Choice, Float, Hole, Int, Order, Tree, Value, fill, holes, parse
from autocompress.values.study import StudySpec

FEW = 16  # images; a method that wants whole batches gets one
EPOCH = 1e-9  # a fidelity at which every training takes one epoch


@dataclass(frozen=True)
class Refused:
    stage: str
    why: str
    always: bool  # no candidate with this student can do without the stage


@dataclass(frozen=True)
class Probe:
    """What one student can do."""

    student: str
    size: str  # parameters and MACs; empty if it cannot be built
    cuts: str  # how many groups of channels can be cut, or why none
    kept: tuple[str, ...]  # layers that keep their channels, and why
    exports: str  # how large the file is in each of the device's runtimes, or why there is none
    floats: tuple[str, ...]  # layers that keep 32 bits where others lose them, and why
    refused: tuple[Refused, ...]
    seconds: float

    @property
    def hopeless(self) -> bool:
        """Every candidate with this student will fail."""
        return not self.size or any(refused.always for refused in self.refused)


def probed(spec: StudySpec) -> Iterator[Probe]:
    """Student by student; before them, teachers that cannot be made. Nothing is kept, only the data is downloaded.

    If there is no data, that is a `Failure`.
    """
    whole = loaded(spec.data)
    stages = [(tree, always) for slot in _slots(spec.space) for tree, always in _stages(slot)]
    teachers = {name: tree for name, tree in {MAIN: spec.teacher, **spec.teachers}.items() if tree}
    trees = [tree for tree, _ in stages] + [tree for teacher in teachers.values() for tree in teacher["stages"]]
    made = [make(Stage, tree) for tree in trees]
    data = _some(
        whole, max([FEW, *(stage.batch_size for stage in made if isinstance(stage, Taught) and _whole(stage))])
    )
    for name, tree in teachers.items():
        teacher = _probe(spec, data, tree["student"], [(stage, True) for stage in tree["stages"]])
        if teacher.hopeless:
            yield replace(teacher, student=f"{name}: {teacher.student}")
    for student in options(spec.space["student"]):
        yield _probe(spec, data, student, stages)


def _probe(spec: StudySpec, data: Dataset, student: Tree, stages: list[tuple[Tree, bool]]) -> Probe:
    began, line = time.monotonic(), Recipe.of({"student": student, "stages": []}).line
    teachers = _untrained(spec, data)
    try:
        model = _begun(spec, data, student, lambda: teachers(MAIN).model)
        params, macs, _ = counted(model.net, model.inputs)
    except Exception as error:
        return Probe(line, "", "", (), "", (), (Refused("", _why(error), True),), time.monotonic() - began)
    shown = Examples(data, [make(Augmentation, one) for one in spec.augment])
    lab = Lab(data, examples=shown, teachers=teachers, fidelity=EPOCH, round_to=_device(spec).round_to)
    size = f"{show('params', params.value)} parameters, {show('macs', macs.value)} MACs"
    cuts, kept = _cuts(model)
    device, floats = _device(spec), dict[str, str]()
    exports = "; ".join(_exports(model, listed, data) for listed in device.runtimes)
    tried = [_tried(model, lab, tree, always, device, floats) for tree, always in stages]
    refused = tuple(one for one in tried if one is not None)
    return Probe(line, size, cuts, kept, exports, _grouped(floats), refused, time.monotonic() - began)


def _tried(model: Model, lab: Lab, tree: Tree, always: bool, device: Device, floats: dict[str, str]) -> Refused | None:
    """One stage on a student that has learned nothing: it shall work, not be good. What keeps 32 bits: `floats`."""
    phrase = Recipe.of({"student": None, "stages": [tree]}).line.partition(" → ")[2]
    try:
        stage = make(Stage, tree)
        stage.shape(model, lab)
        running = stage.run(model, lab)
        while True:
            next(running)
    except StopIteration as end:
        grown: Model = end.value
        return _quantized(grown, lab.data, device, floats, phrase, always) if grown.quantizer else None
    except Exception as error:
        if isinstance(error, Failure) and error.code in ("nan_loss", "no_effect"):
            return None  # of this ratio, of this rate: another may do
        return Refused(phrase, _why(error), always)


def _quantized(
    model: Model, data: Dataset, device: Device, floats: dict[str, str], phrase: str, always: bool
) -> Refused | None:
    """Is there a runtime of the device that takes it?"""
    if isinstance(model.net, GraphModule):
        floats |= left(model.net)
    reasons = []
    for listed in device.runtimes:
        with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
            try:
                file = _lowered(model, listed, data, Path(folder))
                if picky(device):
                    refuse_what_it_cannot_run(device, read(file))
                return None
            except Exception as error:
                reasons.append(_why(error))
    return Refused(phrase, "; ".join(dict.fromkeys(reasons)), always)


def _cuts(model: Model) -> tuple[str, tuple[str, ...]]:
    try:
        anatomy = SHARED.anatomy(model)
    except Exception as error:
        return _why(error), ()
    many = len(anatomy.groups)
    whole = {name: why for name, why in anatomy.left.items() if name != model.parts.head}
    return f"{many} group{'s' if many != 1 else ''} of channels can be cut", _grouped(whole)


def _grouped(left: Mapping[str, str]) -> tuple[str, ...]:
    """Layers by the reason why they are left as they are."""
    reasons = {why: [name for name, w in left.items() if w == why] for why in dict.fromkeys(left.values())}
    return tuple(f"{_few(names)}: {why}" for why, names in reasons.items())


def _exports(model: Model, listed: devices.Runtime, data: Dataset) -> str:
    with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
        try:
            file = _lowered(model, listed, data, Path(folder))
        except Exception as error:
            return f"{listed.name}: {_why(error)}"
        return f"{file.stat().st_size / 1000:,.0f} kB for {listed.name}"


def _lowered(model: Model, listed: devices.Runtime, data: Dataset, folder: Path) -> Path:
    runtime = make(Runtime, {"use": listed.name})
    if runtime.missing:
        raise Failure("measure", runtime.missing)
    return lowered(model, runtime, folder, data)


def _begun(spec: StudySpec, data: Dataset, student: Tree, teacher: Callable[[], Model]) -> Model:
    tree = fitted(student, _device(spec).round_to)
    here = not make(Student, tree).downloads
    return started(tree, data.inputs, len(data.classes), spec.seed, teacher, pretrain=here)


def _untrained(spec: StudySpec, data: Dataset) -> Callable[[str], Teacher]:
    """Teachers of the right build that know nothing: what matters here is whether things fit together."""
    trees = {MAIN: spec.teacher, **spec.teachers}

    def nobody() -> Model:
        raise ValueError("the study has no teacher")

    @cache
    def teacher(name: str) -> Teacher:
        if not trees.get(name):
            nobody()
        lab = Lab(data)
        return Teacher(_begun(spec, data, trees[name]["student"], nobody), name, data, lab.device)

    return teacher


def _device(spec: StudySpec) -> Device:
    assert spec.device is not None, "a compression study has a device"
    return spec.device


def _some(data: Dataset, many: int) -> Dataset:
    def few(split: Split) -> Split:
        return Split(split.x[:many], split.y[:many])

    return replace(data, train=few(data.train), val=few(data.val), test=few(data.val))


def _whole(stage: Taught) -> bool:
    return any(method.needs.whole_batches for method in stage.methods())


def _why(error: Exception) -> str:
    code, text = diagnosed(error)
    if code == "unexpected" and isinstance(error, ValueError):
        return str(error).partition("\n")[0] or code  # written for people
    last = text.strip().splitlines()[-1] if code == "unexpected" else text.strip().partition("\n")[0]
    return last or code


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# --- what there is to try ---


def options(tree: Tree) -> list[Tree]:
    """Every option of every choice of plug-ins once; the first of other choices, the middle of ranges."""
    choices = [(at, hole) for at, hole in holes(tree) if isinstance(hole, Choice) and not of_numbers(hole)]
    targets = [f"{at}={label}" for at, hole in choices for label in hole.labels]
    found = {repr(filled): filled for target in [*targets, ""] for filled in [fill(tree, _towards(target))]}
    return list(found.values())


def of_numbers(hole: Choice) -> bool:
    """Sizes differ in degree, plug-ins in kind."""
    return all(label.replace(".", "", 1).isdigit() for label in hole.labels)


def _towards(target: str) -> Callable[[str, Hole], Value]:
    def pick(at: str, hole: Hole) -> Value:
        match hole:
            case Choice(labels):
                here = (label for label in labels if f"{target}.".startswith((f"{at}={label}.", f"{at}={label}=")))
                return next(here, labels[0])
            case Order():
                return hole.labels[0]
            case Int(low, high, step):
                return low + step * ((high - low) // step // 2)
            case Float(low, high, step, log):
                return (low * high) ** 0.5 if log else low + (high - low) / 2 if step is None else low

    return pick


def _slots(space: Tree) -> Iterator[Tree]:
    """Every place in the list of stages, whatever order it may stand in."""
    for item in space.get("stages", []):
        yield from item["order"] if isinstance(parse(item), Order) else [item]


def _stages(slot: Tree) -> Iterator[tuple[Any, bool]]:
    """What may stand there, and whether nothing else may."""
    found = options(slot)
    for tree in found:
        if tree not in (None, "none"):
            yield tree, len(found) == 1
