"""Is a space something one can search? Every stage alone, their order, then fillings: what only shows together."""

from collections.abc import Iterator, Set
from dataclasses import replace

from pydantic import ValidationError

from autocompress import plugin
from autocompress.config.check_order import ordered, untrained
from autocompress.config.check_plugin import Checker, Refused, each_option
from autocompress.config.diagnostic import Diagnostic, did_you_mean
from autocompress.config.filling import fillings
from autocompress.config.node import Node, Place, shown
from autocompress.config.outcomes import NOTHING
from autocompress.config.validate import explained
from autocompress.plugin import Plugin
from autocompress.values.space import Choice, Order

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
        ordered(done["stages"], mistakes)
    node = replace(node, value=done)
    if len(mistakes) == before and student:
        _tried(node, mistakes, teachers, nobody)
    if len(mistakes) == before and student:
        mistakes += untrained(node.fields["student"], node.get("stages"))
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


def _tried(node: Node, mistakes: list[Diagnostic], teachers: tuple[str, ...] | None, nobody: str) -> None:
    """Build fillings. Of what is wrong in the same way at the same place, one example is enough."""
    student, stage = plugin.base_of("students"), plugin.base_of("stages")
    found: list[Diagnostic] = []
    open_ = _open(node)
    for tried in fillings(node):
        begun = _made(tried.fields["student"], student, found, open_)
        if begun is not None and begun.of_teacher:  # type: ignore[attr-defined]
            found += _missing_teachers(tried.fields["student"], "is the teacher", (MAIN,), teachers, nobody)
        for item in tried.find(("stages",)).items:
            plug = _made(item, stage, found, open_) if item.data not in NOTHING else None
            wanted = plug.teachers() if plug is not None else ()  # type: ignore[attr-defined]
            if wanted:
                found += _missing_teachers(item, "learns from a teacher", wanted, teachers, nobody)
    mistakes += {(d.file, d.line, d.col, d.code): d for d in reversed(found)}.values()


def _open(node: Node) -> Set[Place]:
    """Where values stand that are one of several: ranges, and what a choice is among."""
    choices = [child.fields["choice"].items for child in node.walk() if "choice" in child.fields]
    ranges = [child for child in node.walk() if "int" in child.fields or "float" in child.fields]
    return {child.place for child in [*ranges, *(option for options in choices for option in options)]}


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


def _made(node: Node, base: type[Plugin], mistakes: list[Diagnostic], among: Set[Place] = frozenset()) -> Plugin | None:
    """`among`: where a value is one of several that are possible. The hint says which was tried."""
    try:
        return plugin.make(base, node.data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        tried = [
            f"{k} {shown(c.data)}" for k, c in node.fields.items() if c.place in among and not (c.fields or c.items)
        ]
        example = f"for example with {', '.join(tried)}" if tried and not all(e["loc"] for e in errors) else ""
        mistakes += [replace(d, hint=d.hint or example) for d in explained(errors, node, base)]
        return None


def _use(item: Node) -> Node:
    return item.fields["use"]
