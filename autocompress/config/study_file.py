"""`autocompress.study/v1`: one question. What is searched, for which device, on which data, by whom, for how long."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from autocompress import plugin
from autocompress.config.check_space import MAIN, plugged, recipe
from autocompress.config.device_rules import promised
from autocompress.config.diagnostic import ConfigError, Diagnostic, errors
from autocompress.config.document import read
from autocompress.config.limits import Promise, aimed_at, limits, objectives
from autocompress.config.node import Node, made, shown
from autocompress.config.outcomes import line, outcomes, slots
from autocompress.config.shipped import Kind, called, referred
from autocompress.config.space_file import space
from autocompress.config.target import Target, spared, target
from autocompress.config.units import Fraction, Seconds
from autocompress.config.validate import Section, missing, validated
from autocompress.values.study import NAME, Budget, Gain, StudySpec

SCHEMA = "autocompress.study/v1"
PLUGS = {"data": "data", "sampler": "samplers", "schedule": "schedules", "driver": "drivers"}


class GainSection(Section):
    less_than: Annotated[Fraction, Field(gt=0, lt=1)]  # of the hypervolume
    over: Annotated[int, Field(ge=2)]  # trainings


class BudgetSection(Section):
    """Ends at whichever comes first; one of trials, time and device_time is needed."""

    trials: Annotated[int, Field(ge=1)] | None = (
        None  # whole trainings: refusals are free, stopped ones pay their share
    )
    time: Annotated[Seconds, Field(gt=0)] | None = None  # on the wall
    device_time: Annotated[Seconds, Field(gt=0)] | None = None  # of all workers together
    gain: GainSection | None = None  # the search has gone stale
    variants: Annotated[int, Field(ge=0, le=32)] = 4  # of each complete trial: other endings that need no training
    replicas: Annotated[int, Field(ge=1, le=20)] = 1  # seeds for what is on the front at the end
    validate_: Annotated[int, Field(ge=0, le=20)] = Field(0, alias="validate")  # fresh seeds, when all is over


class TeacherSection(Section):
    student: Any
    stages: list[Any] = Field(default_factory=list)


class StudyFile(Section):
    schema_: Literal["autocompress.study/v1"] = Field(alias="schema")
    name: Annotated[str, Field(pattern=NAME)]
    data: Any
    augment: list[Any] = Field(default_factory=list)
    space: Any
    device: Any = None
    teacher: TeacherSection | None = None
    teachers: dict[str, TeacherSection] = Field(default_factory=dict)
    sampler: Any = "ehvi"
    schedule: Any = "halving"
    driver: Any = "local"
    objectives: Any = None  # see limits.py
    limits: Any = None
    budget: BudgetSection
    from_: Annotated[str, Field(pattern=NAME)] | None = Field(None, alias="from")  # a study whose models come first
    first: Literal["known", "nothing"] = "known"
    control: Literal["random"] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


def study(node: Node, mistakes: list[Diagnostic]) -> StudySpec | None:
    """Everything the file says and refers to. None after saying what is wrong."""
    before = len(errors(mistakes))
    file = validated(StudyFile, node, mistakes)
    teacher = node.get("teacher")
    if teacher and teacher.value is None:
        teacher = None
    plugs = {name: _plug(node, name, plural, mistakes) for name, plural in PLUGS.items()}
    augment = node.get("augment")
    steps = [plugged(step, "augmentations", mistakes).data for step in augment.items] if augment else []
    teachers = _teachers(teacher, node.get("teachers"), mistakes)
    tree = _space(node.get("space"), mistakes, tuple(teachers))
    device = _device(node.get("device"), mistakes)
    promises = _promises(node, device, mistakes)
    aims = objectives(node.get("objectives"), mistakes) or device.objectives
    _aimed(node, aims, device, mistakes)
    if not teacher:
        mistakes += [_no_baseline(p.node) for p in promises.values() if p.limit and p.limit.below_baseline is not None]
    if tree and device.device:
        _quantized(node, tree, device.device.bits, mistakes)
    end = node.get("budget")
    if file and end and all(x is None for x in (file.budget.trials, file.budget.time, file.budget.device_time)):
        mistakes.append(end.key_says("missing-key", "has no end", "add trials: 30, time: 10 min or device_time: 1 h"))
    if file is None or len(errors(mistakes)) > before:
        return None
    return StudySpec(
        name=file.name,
        space=tree,
        objectives=aims,
        limits=tuple(p.limit for p in promises.values() if p.limit),
        device=device.device,
        augment=tuple(steps),
        teacher=teachers.pop(MAIN, None),
        teachers=teachers,
        source=file.from_ or "",
        first=file.first,
        control=file.control,
        budget=_budget(file.budget),
        seed=file.seed,
        **plugs,
    )


def _budget(section: BudgetSection) -> Budget:
    return Budget(
        trials=section.trials,
        seconds=section.time,
        device_seconds=section.device_time,
        gain=Gain(least=section.gain.less_than, over=section.gain.over) if section.gain else None,
        variants=section.variants,
        replicas=section.replicas,
        validation=section.validate_,
    )


def _plug(node: Node, name: str, plural: str, mistakes: list[Diagnostic]) -> Any:
    default = StudyFile.model_fields[name].default
    given = node.get(name)
    if given is None and StudyFile.model_fields[name].is_required():
        return None  # said already
    return plugged(given or node.below(name, default), plural, mistakes).data


def _teachers(main: Node | None, others: Node | None, mistakes: list[Diagnostic]) -> dict[str, Any]:
    """All teachers by name, as recipes. Each may learn from those before it."""
    found: dict[str, Any] = {}
    named = {MAIN: main} if main else {}
    for name, node in (others.fields if others else {}).items():
        if name == MAIN:
            mistakes.append(node.key_says("bad-value", f"'{MAIN}' is the one under the study's own key '{MAIN}'"))
        named.setdefault(name, node)
    for name, node in named.items():
        whole = recipe(node, mistakes, holes=False, teachers=tuple(found), nobody="a teacher has none itself")
        found[name] = {**whole.data, "stages": whole.data.get("stages", [])}
    return found


def _space(node: Node | None, mistakes: list[Diagnostic], teachers: tuple[str, ...]) -> Any:
    """Inline spaces are called from their own root, as the parameters of the search are: `stages.1.ratio`."""
    found = held(node, "space", mistakes)
    return space(found.rooted(()), mistakes, teachers) if found else None


def _device(node: Node | None, mistakes: list[Diagnostic]) -> Target:
    found = held(node, "device", mistakes)
    return target(found, mistakes) if found else Target(None, {}, ())


def _quantized(node: Node, tree: Any, bits: tuple[int, ...], mistakes: list[Diagnostic]) -> None:
    """A device of integers needs a space that makes some, and nothing else is of use to it."""
    if max(bits) >= 16:
        return
    space, runs = node.find(("space",)), f"the device runs weights of {' or '.join(map(str, bits))} bits"
    if not any(use in plugin.names(plugin.base_of("quantizers")) for use in _uses(tree)):
        text = f"{runs}, and nothing in this space quantizes"
        mistakes.append(space.key_says("empty-space", text, "add a stage: {use: quantize, scheme: ...}"))
    elif recipe := _in_floats(made(tree, space.place, space.key, ())):
        text = f"{runs}, and one in 32 bits, which will fail, can be asked for: {recipe}"
        mistakes.append(space.key_says("unfit", text, "let every candidate quantize: leave 'none' out of its choice"))


def _in_floats(space: Node) -> str:
    """A recipe that takes no bits, if there is one. What a teacher or a saved model brings is not known here."""
    students = outcomes(space.fields["student"], plugin.base_of("students"))
    student = next((tree for tree, plug in students if not plug.of_teacher and plug.folder is None), None)
    known = plugin.names(plugin.base_of("quantizers"))
    stages = [
        [tree for tree, _ in outcomes(item, plugin.base_of("stages")) if not known.keys() & set(_uses(tree))]
        for slot in slots(space.get("stages"))
        for item in slot
    ]
    return line(student, [trees[0] for trees in stages]) if student and all(stages) else ""


def _uses(tree: Any) -> Iterator[str]:
    """Every plug-in that a space names."""
    if isinstance(tree, dict):
        if isinstance(tree.get("use"), str):
            yield tree["use"]
        yield from (use for value in tree.values() for use in _uses(value))
    elif isinstance(tree, list):
        yield from (use for value in tree for use in _uses(value))


def _promises(node: Node, device: Target, mistakes: list[Diagnostic]) -> dict[str, Promise]:
    """The device's limits and the study's, which replace them."""
    own = limits(node.get("limits"), mistakes)
    if device.device is None:
        return {**device.limits, **own}
    found = {**device.limits, **spared(own, device.device, device.errors)}
    promised(device.device, found, aimed_at(node.get("objectives")), mistakes)
    return found


def held(node: Node | None, kind: Kind, mistakes: list[Diagnostic]) -> Node | None:
    """What a file refers to: a mapping in the file itself, or another file."""
    if node is None or (node.value is None and kind == "device"):
        return None
    if isinstance(node.value, dict):
        return node
    if not isinstance(node.value, str):
        text = f"wants a name, a path such as './{kind}.yaml', or a mapping, got {shown(node.data)}"
        mistakes.append(node.says("wrong-type", text))
        return None
    try:
        path = referred(node, kind)
        found, more = read(path, called(path))
    except ConfigError as error:
        mistakes += error.diagnostics
        return None
    mistakes += more
    if "schema" not in found.fields:
        mistakes.append(missing(found, "schema"))
    return found


def _aimed(node: Node, aims: tuple[Any, ...], device: Target, mistakes: list[Diagnostic]) -> None:
    own, board = node.get("objectives"), node.get("device")
    if aims or (own and own.value is not None):
        return  # there are some, or what is wrong with them was said
    if board and board.value is not None and device.device is None:
        return  # the device would have some, if it could be read
    text = "there is nothing to improve: neither the study nor its device has 'objectives'"
    mistakes.append(node.key_says("missing-key", text, "add objectives: [accuracy, latency_p50, size]"))


def _no_baseline(node: Node) -> Diagnostic:
    text = "is relative to the baseline, which is the teacher's accuracy, and the study has no teacher"
    return node.says("needs-teacher", text, "add a teacher to the study")
