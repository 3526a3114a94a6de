"""A device may say only how it differs from another: mappings merge, lists and scalars replace, `null` takes away."""

from dataclasses import replace
from pathlib import Path

from autocompress.config.diagnostic import ConfigError, Diagnostic
from autocompress.config.document import read
from autocompress.config.node import Node, shown
from autocompress.config.shipped import called, referred

MOST_PARENTS = 4


def whole(node: Node, mistakes: list[Diagnostic], line: tuple[Path, ...] = ()) -> Node:
    """The device with everything it inherits, and without nulls. `line` are the files that led here."""
    line = line or (node.place.source.path.resolve(),)
    link = node.get("extends")
    own = replace(node, value={k: v for k, v in node.fields.items() if k != "extends"})
    if link is None or link.value is None or not isinstance(node.value, dict):
        return _pruned(own if link else node)
    parent = _parent(link, mistakes, line)
    return merged(parent, own) if parent else _pruned(own)


def _parent(link: Node, mistakes: list[Diagnostic], line: tuple[Path, ...]) -> Node | None:
    if not isinstance(link.value, str):
        text = f"wants the name of a device or a path such as './board.yaml', got {shown(link.data)}"
        mistakes.append(link.says("wrong-type", text))
        return None
    try:
        path = referred(link, "device")
        if path.resolve() in line:
            raise ConfigError([link.says("bad-extends", f"'{link.value}' leads back to a file that extends it")])
        if len(line) > MOST_PARENTS:
            raise ConfigError([link.says("bad-extends", f"more than {MOST_PARENTS} parents, one above the other")])
        node, more = read(path, called(path))
    except ConfigError as error:
        mistakes += error.diagnostics
        return None
    mistakes += more
    return whole(node, mistakes, (*line, path.resolve()))


def merged(base: Node, own: Node) -> Node:
    """What `own` says, else what `base` says."""
    if not isinstance(base.value, dict) or not isinstance(own.value, dict):
        return _pruned(own)
    fields = dict(base.value)
    for name, child in own.value.items():
        if child.value is None:
            fields.pop(name, None)
        else:
            fields[name] = merged(fields[name], child) if name in fields else _pruned(child)
    return replace(own, value=fields)


def _pruned(node: Node) -> Node:
    if not isinstance(node.value, dict):
        return node
    return replace(node, value={k: _pruned(v) for k, v in node.value.items() if v.value is not None})
