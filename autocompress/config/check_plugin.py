"""Is `{use: prune, by: taylor, ratio: {float: [0, 0.7]}}` something the class could be made of? Every setting is tried.

What comes back is the same piece spelled out: bare names become `{use: name}`, `auto` becomes the declared range.
"""

import copy
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from autocompress import plugin
from autocompress.config.diagnostic import Diagnostic
from autocompress.config.filling import at_end, has_holes
from autocompress.config.node import Node, made, shown
from autocompress.config.validate import explained, missing, unknown_key
from autocompress.errors import UnknownPlugin
from autocompress.plugin import Plugin
from autocompress.values.space import Choice, Float, Hole, Int, Order, parse


class Refused(Exception):
    """What is wrong with a hole has been said; nobody need look inside."""


@dataclass(frozen=True)
class Checker:
    """`holes` says whether this part of the file may leave something open."""

    mistakes: list[Diagnostic]
    holes: bool = False

    def plug(self, node: Node, base: type[Plugin]) -> Node:
        """Where a plug-in of a kind is wanted: `{use: name, ...}`, a bare name, or a choice among such."""
        kind = plugin.kind_of(base)
        try:
            hole = self.hole(node)
        except Refused:
            return node
        if isinstance(hole, Choice):
            return each_option(node, lambda option: self.plug(option, base))
        if hole is not None:
            self.mistakes.append(node.says("bad-hole", f"a {kind} can be a 'choice', not a range or an order"))
            return node
        if isinstance(node.value, str):
            node = replace(node, value={"use": node.rooted((*node.path, "use"))})
        if not isinstance(node.value, dict):
            self.mistakes.append(node.says("wrong-type", f"wants {{use: NAME}}, got {shown(node.data)}"))
            return node
        use = node.get("use")
        if use is None:
            self.mistakes.append(missing(node, "use"))
            return node
        if not isinstance(use.value, str):
            self.mistakes.append(use.says("wrong-type", f"wants the name of a {kind}, got {shown(use.data)}"))
            return node
        cls = self.found(use, base)
        return self.settings(node, cls) if cls else node

    def found(self, use: Node, base: type[Plugin]) -> type[Plugin] | None:
        try:
            return plugin.find(base, str(use.value))
        except UnknownPlugin as error:
            hint = "" if error.nearest else f"known: {', '.join(sorted(plugin.names(base)))}"
            text = f"no {error.kind} is called {shown(use.value)}"
            near = f"; did you mean '{error.nearest}'?" if error.nearest else ""
            self.mistakes.append(use.says("unknown-plugin", text + near, hint))
        except Exception as error:  # importing a stranger's module may do anything
            text = f"'{use.value}' cannot be loaded: {type(error).__name__}: {error}"
            self.mistakes.append(use.says("broken-plugin", text))
        return None

    def settings(self, node: Node, cls: type[Plugin]) -> Node:
        fields = cls.model_fields
        given = {name: child for name, child in node.fields.items() if name != "use"}
        self.mistakes.extend([unknown_key(c, list(fields)) for name, c in given.items() if name not in fields])
        self.mistakes.extend(
            [missing(node, name) for name, f in fields.items() if f.is_required() and name not in given]
        )
        given = {name: child for name, child in given.items() if name in fields}
        plain = {name: child.data for name, child in given.items() if not has_holes(child) and child.value != "auto"}
        done = {name: self.setting(child, Setting(cls, name, fields[name], plain)) for name, child in given.items()}
        use = node.fields["use"]
        return replace(node, value={"use": replace(use, value=str(use.value).replace("-", "_")), **done})

    def setting(self, node: Node, wanted: "Setting") -> Node:
        if node.value == "auto" and not wanted.takes("auto"):
            return self.expanded(node, wanted)
        if wanted.kind is not None:
            return self.nested(node, wanted, wanted.kind)
        try:
            hole = self.hole(node)
            match hole:
                case Choice():
                    return each_option(node, lambda option: self.setting(option, wanted))
                case Int() | Float():
                    self.mistakes.extend(next(filter(None, map(wanted.mistakes, _ends(node, hole))), []))
                case Order():
                    self.mistakes.append(node.says("bad-hole", "an order belongs in the list of stages"))
                case None if has_holes(node):
                    self.inside(node, wanted)
                case None:
                    self.mistakes.extend(wanted.mistakes(node))
        except Refused:
            pass
        return node

    def nested(self, node: Node, wanted: "Setting", base: type[Plugin]) -> Node:
        """A setting that is itself a plug-in, or a list of them."""
        if node.value is None and wanted.takes(None):
            return node
        if "choice" in node.fields and wanted.takes(None):
            try:
                self.hole(node)
            except Refused:
                return node
            return each_option(node, lambda option: self.nested(option, wanted, base))
        if isinstance(node.value, list):
            return replace(node, value=[self.plug(item, base) for item in node.items])
        return self.plug(node, base)

    def inside(self, node: Node, wanted: "Setting") -> None:
        """Holes somewhere inside a list or a mapping: all at their low ends, then all at their high ends."""
        for child in node.walk():
            self.hole(child)
        self.mistakes.extend(wanted.mistakes(at_end(node, 0)) or wanted.mistakes(at_end(node, -1)))

    def expanded(self, node: Node, wanted: "Setting") -> Node:
        """`auto`: the range that the class declares for this setting."""
        extra = wanted.info.json_schema_extra
        declared = extra.get("search") if isinstance(extra, dict) else None
        if declared is None:
            text = f"no range is declared for '{wanted.name}'"
            self.mistakes.append(node.says("bad-hole", text, "write one: {float: [LOW, HIGH]} or {choice: [...]}"))
            return node
        return self.setting(made(copy.deepcopy(declared), node.place, node.key, node.path), wanted)

    def hole(self, node: Node) -> Hole | None:
        """The hole that this node is. Raises Refused after saying what is wrong with it."""
        try:
            hole = parse(node.data)
        except ValueError as error:
            self.mistakes.append(node.says("bad-hole", str(error).removeprefix(": ")))
            raise Refused from None
        if hole is not None and not self.holes:
            self.mistakes.append(node.says("bad-hole", "nothing may be left open here", "write the value itself"))
            raise Refused
        return hole


@dataclass(frozen=True)
class Setting:
    """One field of a class, with what else the file says plainly: a validator may look at that."""

    cls: type[Plugin]
    name: str
    info: FieldInfo
    others: dict[str, Any]

    @property
    def kind(self) -> type[Plugin] | None:
        """The kind of plug-in that is wanted here, if one is."""
        return _kind_in(self.info.annotation)

    def errors(self, value: Any) -> list[ErrorDetails]:
        """What the class has against this value. The other settings are other calls' business."""
        try:
            self.cls.model_validate({**self.others, self.name: value})
        except ValidationError as error:
            return [e for e in error.errors(include_url=False) if e["loc"][:1] == (self.name,)]
        return []

    def takes(self, value: Any) -> bool:
        return not self.errors(value)

    def mistakes(self, node: Node) -> list[Diagnostic]:
        return explained(self.errors(node.data), replace(node, value={self.name: node}), self.cls)


def each_option(node: Node, check: Callable[[Node], Node]) -> Node:
    listed = node.fields["choice"]
    return replace(node, value={"choice": replace(listed, value=[check(option) for option in listed.items])})


def _ends(node: Node, hole: Int | Float) -> list[Node]:
    if isinstance(hole, Int):
        return node.fields["int"].items
    return [replace(end, value=float(end.data)) for end in node.fields["float"].items]


def _kind_in(annotation: Any) -> type[Plugin] | None:
    if inspect.isclass(annotation) and issubclass(annotation, Plugin) and inspect.isabstract(annotation):
        return annotation
    return next((kind for kind in map(_kind_in, typing.get_args(annotation)) if kind), None)
