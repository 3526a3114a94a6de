"""From the bytes of one YAML 1.2 file to a tree of nodes. Only what JSON can say is read; everything else is refused.

The parser's events are used, not its constructors: no tag is obeyed, nothing is built before its depth is known.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from autocompress.config.diagnostic import ConfigError, Diagnostic
from autocompress.config.node import Node, Place, Scalar, Source

MOST_BYTES = 256 * 1024  # the pure Python parser needs 10 microseconds a byte
MOST_NODES = 100_000
MOST_DEPTH = 64

FORBIDDEN = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufdff\ufe00-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
WHOLE = re.compile(r"[-+]?[0-9]+")
BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def read(path: Path, called: str | None = None) -> tuple[Node, list[Diagnostic]]:
    """The document in a file, and the mistakes one can read past. ConfigError if there is no document to speak of."""
    start = Place(Source(called or str(path), path=path))
    try:
        if path.is_dir():
            raise ConfigError([start.says("not-found", (), "this is a folder; a YAML file is wanted")])
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([start.says("not-found", (), "no such file")]) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([start.says("not-found", (), f"cannot be read: {reason}")]) from None
    return parsed(raw, start.source.file, path)


def parsed(raw: bytes | str, called: str, path: Path) -> tuple[Node, list[Diagnostic]]:
    """As `read`, from what the file holds; `path` is where it would lie."""
    text = _decoded(raw, called)
    source = Source(called, tuple(text.split("\n")), path)
    bad = FORBIDDEN.search(text)
    if bad:
        place = _place(source, text, bad.start())
        raise ConfigError([place.says("yaml-syntax", (), f"the control character U+{ord(bad[0]):04X} is not allowed")])
    builder = _Builder(source, YAML(typ="safe", pure=True).parse(text))
    try:
        return builder.document(), builder.mistakes
    except MarkedYAMLError as error:
        raise ConfigError([*builder.mistakes, _explained(error, source)]) from None


def _decoded(raw: bytes | str, called: str) -> str:
    start = Place(Source(called))
    size = len(raw.encode("utf-8", "surrogatepass")) if isinstance(raw, str) else len(raw)
    if size > MOST_BYTES:
        raise ConfigError([start.says("yaml-limit", (), f"the file is larger than {MOST_BYTES // 1024} KiB")])
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")  # type: ignore[union-attr]
        place = _place(start.source, before, len(before))
        raise ConfigError([place.says("yaml-syntax", (), "the file is not UTF-8 text from here on")]) from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _place(source: Source, text: str, index: int) -> Place:
    return Place(source, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _explained(error: MarkedYAMLError, source: Source) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
    problem = (error.problem or "this is not YAML").strip()
    if "'\\t'" in problem:
        return place.says("yaml-tab", (), "a tab stands where YAML wants spaces", "indent and separate with spaces")
    opened = error.context_mark
    begun = f" ({error.context}, begun at line {opened.line + 1})" if opened and opened.line + 1 < place.line else ""
    return place.says("yaml-syntax", (), problem + begun)


class _Builder:
    """One pass over the events. Mistakes that leave a usable tree are collected, the others end it."""

    def __init__(self, source: Source, events: Iterator[Any]) -> None:
        self.source, self.events = source, events
        self.anchors: dict[str, Node | None] = {}  # None while the anchored node is still open
        self.mistakes: list[Diagnostic] = []
        self.count = 0

    def document(self) -> Node:
        start = Place(self.source)
        next(self.events)  # the stream
        if isinstance(next(self.events), StreamEndEvent):
            raise ConfigError([start.says("yaml-syntax", (), "the file is empty")])
        first = next(self.events)
        place = self.place(first)
        root = self.node(first, place, ())
        next(self.events)  # the document's end
        after = next(self.events)
        if isinstance(after, DocumentStartEvent):
            raise ConfigError(
                [self.place(after).says("yaml-syntax", (), "a file holds one document, here a second begins")]
            )
        return root

    def place(self, event: Any) -> Place:
        return Place(self.source, event.start_mark.line + 1, event.start_mark.column + 1)

    def node(self, event: Any, key: Place, path: tuple[str | int, ...]) -> Node:
        place = self.place(event)
        self.counted(place, path)
        if isinstance(event, AliasEvent):
            return self.aliased(event.anchor, place, key, path)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.mistakes.append(place.says("yaml-tag", path, f"the tag '{tag}' is not read", "write the plain value"))
        if event.anchor:
            self.anchors[event.anchor] = None
        if isinstance(event, MappingStartEvent):
            node = Node(self.mapping(path), place, key, path)
        elif isinstance(event, SequenceStartEvent):
            node = Node(self.sequence(path), place, key, path)
        else:
            empty = not event.value and not event.style  # `key:` has no text to point at
            node = Node(self.scalar(event, place, path), key if empty else place, key, path)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def counted(self, place: Place, path: tuple[str | int, ...]) -> None:
        self.count += 1
        if self.count > MOST_NODES:
            raise ConfigError([place.says("yaml-limit", path[:3], f"more than {MOST_NODES} values, aliases counted")])
        if len(path) > MOST_DEPTH:
            raise ConfigError([place.says("yaml-limit", path[:3], f"nested more than {MOST_DEPTH} deep")])

    def aliased(self, anchor: str, place: Place, key: Place, path: tuple[str | int, ...]) -> Node:
        if anchor not in self.anchors:
            raise ConfigError([place.says("yaml-syntax", path, f"the alias '*{anchor}' has no anchor before it")])
        target = self.anchors[anchor]
        if target is None:
            raise ConfigError([place.says("yaml-limit", path, f"the alias '*{anchor}' contains itself")])
        copy = target.rooted(path)
        for node in copy.walk():
            self.counted(place, node.path)
        return Node(copy.value, copy.place, key, path)

    def sequence(self, path: tuple[str | int, ...]) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            items.append(self.node(event, self.place(event), (*path, len(items))))
        return items

    def mapping(self, path: tuple[str | int, ...]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            place = self.place(event)
            if not isinstance(event, ScalarEvent):
                raise ConfigError([place.says("yaml-syntax", path, "a key must be a plain word")])
            name = event.value
            if name == "<<" and not event.style:
                self.mistakes.append(place.says("yaml-tag", path, "merge keys '<<' are not read", "write the keys out"))
            elif event.tag is not None:
                self.mistakes.append(place.says("yaml-tag", path, "a key cannot have a tag"))
            elif name in found:
                first = found[name].key.line
                self.mistakes.append(
                    place.says("duplicate-key", (*path, name), f"the key '{name}' stands twice, first on line {first}")
                )
            node = self.node(next(self.events), place, (*path, name))
            if name != "<<":
                found.setdefault(name, node)
        return found

    def scalar(self, event: Any, place: Place, path: tuple[str | int, ...]) -> Scalar:
        text: str = event.value
        if event.style:
            return text
        if text in WORDS:
            return WORDS[text]
        number: int | float
        if WHOLE.fullmatch(text):
            number = int(text) if len(text) <= 20 else math.inf
        elif BASED.fullmatch(text):
            number = int(text, 0) if len(text) <= 24 else math.inf
        elif REAL.fullmatch(text):
            number = float(text)
        elif NOT_FINITE.fullmatch(text):
            number = math.inf
        else:
            return text
        if math.isinf(number) or (isinstance(number, int) and abs(number) >= 2**63):
            self.mistakes.append(
                place.says("bad-value", path, f"'{text[:40]}' is not a finite number that fits 64 bits")
            )
            return 1  # something to go on with
        return number
