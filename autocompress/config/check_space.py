"""Is a space something one can search? Every stage alone, their order, then fillings: what only shows together."""

from collections.abc import Iterator
from dataclasses import replace

from pydantic import ValidationError

from autocompress import plugin
from autocompress.config.check_plugin import Checker, Refused, each_option
from autocompress.config.diagnostic import Diagnostic, did_you_mean
from autocompress.config.filling import fillings
from autocompress.config.node import Node, shown
from autocompress.config.validate import explained
from autocompress.plugin import Plugin
from autocompress.values.space import Choice, Order

NOTHING = (None, "none")
MAIN = "teacher"  # what the study's own teacher is called


def plugged(node: Node, plural: str, mistakes: list[Diagnostic]) -> Node:
    """A plug-in of a study, without holes: the sampler, the data, the driver."""
    base, before = plugin.base_of(plural), len(mistakes)
    node = Checker(mistakes).plug(node, base)
    if len(mistakes) == before:
        _made(node, base, mistakes)
    return node


def recipe(
    node: Node,
    mistakes: list[Diagnostic],
    *,
    holes: bool,
    teachers: tuple[str, ...] | None = None,
    nobody: str = "the study has none",
) -> Node:
    """A space, or a teacher's recipe. `teachers` are those one can learn from, `nobody` says why there are none, if so;
    with None for teachers, nothing is known about them."""
    before = len(mistakes)
    checker = Checker(mistakes, holes)
    student, stages = node.get("student"), node.get("stages")
    done: dict[str, Node] = {}
    if student:
        done["student"] = checker.plug(student, plugin.base_of("students"))
    if stages and isinstance(stages.value, list):
        done["stages"] = replace(stages, value=[_stage(item, checker, True) for item in stages.items])
        _ordered(done["stages"], mistakes)
    node = replace(node, value=done)
    if len(mistakes) == before and student:
        _tried(node, mistakes, teachers, nobody)
    return node


def _stage(node: Node, checker: Checker, top: bool) -> Node:
    """One item of the list of stages: a stage, nothing, a choice among these, or (on top) an order of them."""
    if node.data in NOTHING:
        return node
    try:
        hole = checker.hole(node)
    except Refused:
        return node
    if isinstance(hole, Choice):
        return each_option(node, lambda option: _stage(option, checker, False))
    if isinstance(hole, Order) and top:
        items = node.fields["order"]
        return replace(node, value={"order": replace(items, value=[_stage(i, checker, False) for i in items.items])})
    if isinstance(hole, Order):
        checker.mistakes.append(
            node.says("bad-hole", "an order stands in the list of stages itself, not inside a hole")
        )
        return node
    return checker.plug(node, plugin.base_of("stages"))


def _ordered(stages: Node, mistakes: list[Diagnostic]) -> None:
    """Some stages settle things for good: what changes these must not come later."""
    slots = [item.fields["order"].items if "order" in item.fields else [item] for item in stages.items]
    for i, slot in enumerate(slots):
        later = [item for following in slots[i + 1 :] for item in following]
        for item in slot:
            after = [stage for other in later + [x for x in slot if x is not item] for stage in _options(other)]
            for stage in _options(item):
                mistakes.extend(_barred(stage, after))


def _options(item: Node) -> Iterator[Node]:
    """The stages that an item can become."""
    if "choice" in item.fields:
        for option in item.fields["choice"].items:
            yield from _options(option)
    elif "use" in item.fields:
        yield item


def _barred(stage: Node, after: list[Node]) -> list[Diagnostic]:
    """What must not come after a stage, but can: the first of it."""
    base, use = plugin.base_of("stages"), _use(stage)
    for other in after:
        try:
            cls, later = (plugin.find(base, str(_use(one).value)) for one in (stage, other))
            why, last = cls.bars(stage.data, later), cls.bars(stage.data, base)  # type: ignore[attr-defined]
        except Exception:  # said already, where the stage was looked at
            continue
        if why:
            name = _use(other).value
            text = f"'{use.value}' must come last, but '{name}' can come after it"
            if not last:
                text = f"'{name}' must not come after '{use.value}', but it can"
            return [use.says("bad-order", text, why)]
    return []


def _tried(node: Node, mistakes: list[Diagnostic], teachers: tuple[str, ...] | None, nobody: str) -> None:
    """Build fillings. Of what is wrong in the same way at the same place, one example is enough."""
    student, stage = plugin.base_of("students"), plugin.base_of("stages")
    found: list[Diagnostic] = []
    for tried in fillings(node):
        begun = _made(tried.fields["student"], student, found)
        if begun is not None and begun.of_teacher:  # type: ignore[attr-defined]
            found += _missing_teachers(tried.fields["student"], "is the teacher", (MAIN,), teachers, nobody)
        for item in tried.find(("stages",)).items:
            plug = _made(item, stage, found) if item.data not in NOTHING else None
            wanted = plug.teachers() if plug is not None else ()  # type: ignore[attr-defined]
            if wanted:
                found += _missing_teachers(item, "learns from a teacher", wanted, teachers, nobody)
    mistakes += {(d.file, d.line, d.col, d.code): d for d in reversed(found)}.values()


def _missing_teachers(
    node: Node, does: str, wanted: tuple[str, ...], there: tuple[str, ...] | None, nobody: str
) -> Iterator[Diagnostic]:
    """What a stage or a student wants of teachers, and cannot have."""
    if there is None:
        return
    if not there:
        yield _use(node).says("needs-teacher", f"'{_use(node).value}' {does}, and {nobody}")
        return
    for name in wanted:
        if name not in there:
            text = f"no teacher is called '{name}'{did_you_mean(name, there)}"
            yield node.fields.get("teacher", _use(node)).says("needs-teacher", text, f"known: {', '.join(there)}")


def _made(node: Node, base: type[Plugin], mistakes: list[Diagnostic]) -> Plugin | None:
    try:
        return plugin.make(base, node.data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        settings = [
            f"{k} {shown(c.data)}" for k, c in node.fields.items() if k != "use" and not c.fields and not c.items
        ]
        example = f"for example with {', '.join(settings)}" if settings and not all(e["loc"] for e in errors) else ""
        mistakes += [replace(d, hint=d.hint or example) for d in explained(errors, node, base)]
        return None


def _use(item: Node) -> Node:
    return item.fields["use"]
