"""A device may say only how it differs from another: mappings merge, lists and scalars replace, `null` takes away.

A plug-in with another name replaces: its settings are its own.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

from autocompress.config.diagnostic import ConfigError, Diagnostic
from autocompress.config.document import read
from autocompress.config.node import Node, shown
from autocompress.config.provenance import day, is_sourced
from autocompress.config.shipped import called, referred

MOST_PARENTS = 4
# Section -> the estimators that are about something else once a child changes it; None: all.
AFFECTED = {"hardware": ("latency", "energy"), "runtime": None}


class Whole(NamedTuple):
    """A device with everything it inherits, and the estimators that were calibrated on something else."""

    node: Node
    stale: frozenset[str] = frozenset()


def whole(node: Node, mistakes: list[Diagnostic], line: tuple[Path, ...] = ()) -> Whole:
    """Without nulls. `line` are the files that led here."""
    line = line or (node.place.source.path.resolve(),)
    link = node.get("extends")
    own = replace(node, value={k: v for k, v in node.fields.items() if k != "extends"})
    if link is None or link.value is None or not isinstance(node.value, dict):
        return Whole(_pruned(own if link else node))
    parent = _parent(link, mistakes, line)
    if parent is None:
        return Whole(_pruned(own))
    mine = _estimators(own)
    stale = _outdated(parent.node, own, str(link.value), mistakes) | parent.stale
    return Whole(merged(parent.node, own), frozenset(stale - set(mine)))


def too_old(node: Node, today: date) -> list[Diagnostic]:
    """Evidence, its own or inherited, that was to be believed until a day that is over."""
    if not isinstance(node.value, dict):
        return []
    evidence = whole(node, []).node.get("evidence")
    written = {name: one.get("until") for name, one in (evidence.fields if evidence else {}).items()}
    return [
        until.says("stale", f"the evidence '{name}' was to be believed until {until.value}", "find it out again")
        for name, until in written.items()
        if until and (last := day(until.value)) and last < today
    ]


def _parent(link: Node, mistakes: list[Diagnostic], line: tuple[Path, ...]) -> Whole | None:
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
    """What `own` says, else what `base` says. Where a value comes from goes with the value."""
    if not isinstance(base.value, dict) or not isinstance(own.value, dict) or is_sourced(base) or is_sourced(own):
        return _pruned(own)
    if _named_otherwise(base, own):
        return _pruned(own)
    fields = dict(base.value)
    for name, child in own.value.items():
        if child.value is None:
            fields.pop(name, None)
        else:
            fields[name] = merged(fields[name], child) if name in fields else _pruned(child)
    return replace(own, value=fields)


def _named_otherwise(base: Node, own: Node) -> bool:
    before, now = base.get("use"), own.get("use")
    return before is not None and now is not None and before.data != now.data


def _outdated(parent: Node, own: Node, called: str, mistakes: list[Diagnostic]) -> set[str]:
    """Estimators of the parent that the child keeps although they were calibrated on other hardware."""
    found: set[str] = set()
    kept = [name for name in _estimators(parent) if name not in _estimators(own)]
    for section, affected in AFFECTED.items():
        changed = own.get(section)
        before = parent.get(section)
        hit = [name for name in kept if affected is None or name in affected]
        if not changed or not before or not hit or merged(before, changed).data == before.data:
            continue
        text = f"differs from {called}, on which its estimators were calibrated: {', '.join(hit)}"
        hint = "measure again and say so under measurement.estimators; until then what they tell is assumed"
        mistakes.append(changed.key_says("stale", text, hint))
        found |= set(hit)
    return found


def _estimators(node: Node) -> dict[str, Node]:
    measurement = node.get("measurement")
    given = measurement.get("estimators") if measurement else None
    return given.fields if given else {}


def _pruned(node: Node) -> Node:
    if not isinstance(node.value, dict):
        return node
    return replace(node, value={k: _pruned(v) for k, v in node.value.items() if v.value is not None})
