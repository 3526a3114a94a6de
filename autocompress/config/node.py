"""A piece of a document: plain data that knows where it was written. Everything read from YAML is a tree of these."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

from autocompress.config.diagnostic import Diagnostic, printable
from autocompress.values.space import Tree

Path = tuple[str | int, ...]
Scalar = None | bool | int | float | str


@dataclass(frozen=True)
class Source:
    """A text that was read, what people call it, and where it lies, so that it can refer to its neighbours."""

    file: str
    lines: tuple[str, ...] = ()
    path: FilePath = FilePath()

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else ""


@dataclass(frozen=True)
class Place:
    """A position, counted from 1."""

    source: Source
    line: int = 1
    col: int = 1

    def says(self, code: str, path: Path, text: str, hint: str = "") -> Diagnostic:
        where = printable(".".join(map(str, path)))
        shown = self.source.line(self.line)
        return Diagnostic(self.source.file, self.line, self.col, code, where, printable(text), printable(hint), shown)


@dataclass(frozen=True)
class Node:
    """`path` is what diagnostics call it, `key` where its name stands (its own place for list items and the root)."""

    value: "Scalar | list[Node] | dict[str, Node]"
    place: Place
    key: Place
    path: Path = ()

    @property
    def data(self) -> Tree:
        """Without positions."""
        if isinstance(self.value, dict):
            return {name: child.data for name, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.data for child in self.value]
        return self.value

    @property
    def fields(self) -> "dict[str, Node]":
        """The children of a mapping; nothing for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """The children of a list; nothing for anything else."""
        return self.value if isinstance(self.value, list) else []

    def get(self, name: str) -> "Node | None":
        return self.fields.get(name)

    def find(self, loc: Path) -> "Node":
        """Follow keys and indices as far as they exist. Steps that the document does not have are left out."""
        at = self
        for step in loc:
            if isinstance(step, int) and 0 <= step < len(at.items):
                at = at.items[step]
            elif isinstance(step, str) and step in at.fields:
                at = at.fields[step]
        return at

    def below(self, step: str | int, data: Tree) -> "Node":
        """Data that nobody wrote (a default, an expanded word), placed here."""
        return made(data, self.place, self.key, (*self.path, step))

    def rooted(self, path: Path) -> "Node":
        """The same, called differently."""
        if isinstance(self.value, dict):
            return replace(self, path=path, value={k: v.rooted((*path, k)) for k, v in self.value.items()})
        if isinstance(self.value, list):
            return replace(self, path=path, value=[v.rooted((*path, i)) for i, v in enumerate(self.value)])
        return replace(self, path=path)

    def says(self, code: str, text: str, hint: str = "") -> Diagnostic:
        """A mistake in the value."""
        return self.place.says(code, self.path, text, hint)

    def key_says(self, code: str, text: str, hint: str = "") -> Diagnostic:
        """A mistake in the key, or in what is missing below it."""
        return self.key.says(code, self.path, text, hint)

    def walk(self) -> "Iterator[Node]":
        yield self
        for child in [*self.fields.values(), *self.items]:
            yield from child.walk()


def made(data: Tree, place: Place, key: Place, path: Path) -> Node:
    """A tree of nodes out of plain data, all at one place."""
    if isinstance(data, dict):
        return Node({k: made(v, place, key, (*path, k)) for k, v in data.items()}, place, key, path)
    if isinstance(data, list):
        return Node([made(v, place, key, (*path, i)) for i, v in enumerate(data)], place, key, path)
    return Node(data, place, key, path)


def shown(value: Tree) -> str:
    """A value as a message quotes it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str():
            text = value if len(value) <= 60 else value[:57] + "..."
            return f"'{text}'"
    return str(value)
