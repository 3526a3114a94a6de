"""The door to this folder: from a file, or the name of a shipped one, to checked values or a ConfigError."""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

from autocompress.config import analysis_file, device_file, space_file, study_file
from autocompress.config.diagnostic import ConfigError, Diagnostic, did_you_mean, errors
from autocompress.config.document import parsed, read
from autocompress.config.extends import too_old
from autocompress.config.node import Node, shown
from autocompress.config.shipped import Kind, called, named, names
from autocompress.config.target import target
from autocompress.values.analysis import Analysis, Size
from autocompress.values.device import Device
from autocompress.values.space import Tree
from autocompress.values.study import StudySpec

T = TypeVar("T")
SCHEMAS = (study_file.SCHEMA, space_file.SCHEMA, device_file.SCHEMA, analysis_file.SCHEMA)


def load_study(
    path: Path | str,
    *,
    source: str | None = None,
    remarks: list[Diagnostic] | None = None,
    today: date | None = None,
) -> StudySpec:
    """A study with all it refers to. `source` is its text, where it does not come from the file; `remarks` gets what is
    worth knowing about it, and where `today` is told, which evidence of its device is too old."""
    node, mistakes = _document(named("study", path) if source is None else Path(path), source)
    spec = study_file.study(node, mistakes)
    device = study_file.held(node.get("device"), "device", [])
    return _usable(spec, mistakes + (too_old(device, today) if device and today else []), remarks)


def load_space(path: Path | str, *, source: str | None = None, remarks: list[Diagnostic] | None = None) -> Tree:
    node, mistakes = _document(named("space", path) if source is None else Path(path), source)
    tree = space_file.space(node, mistakes)
    return _usable(tree, mistakes, remarks)


def load_device(
    path: Path | str,
    *,
    source: str | None = None,
    remarks: list[Diagnostic] | None = None,
    today: date | None = None,
) -> Device:
    """A device with all it inherits."""
    node, mistakes = _document(named("device", path) if source is None else Path(path), source)
    device = target(node, mistakes).device
    return _usable(device, mistakes + (too_old(node, today) if today else []), remarks)


def load_analysis(
    path: Path | str,
    *,
    size: Size = "whole",
    data: str | None = None,
    source: str | None = None,
    remarks: list[Diagnostic] | None = None,
) -> Analysis:
    """In one of the sizes that its file describes; on other data, if `data` names some as a study would, in one line.
    A study is one whose every recipe is wanted."""
    kind: Kind = "study" if path in names("study") else "analysis"
    node, mistakes = _document(named(kind, path) if source is None else Path(path), source)
    other, more = parsed(data, "--data", Path()) if data is not None else (None, [])
    found = analysis_file.analysis(node, mistakes, size=size, data=other)
    return _usable(found, mistakes + more, remarks)


def device_names() -> list[str]:
    """The devices that come with autocompress."""
    return names("device")


def check(
    path: Path | str,
    *,
    source: str | None = None,
    remarks: list[Diagnostic] | None = None,
    today: date | None = None,
) -> str:
    """Read a file of any of the four schemas, an analysis in all of its sizes. Returns its schema; raises ConfigError
    if anything is wrong with it."""
    path = named("study", path) if source is None else Path(path)
    node, _ = _document(path, source)
    given = node.get("schema")
    schema = given.data if given else None
    study, device = partial(load_study, today=today), partial(load_device, today=today)
    loads: tuple[Callable[..., object], ...] = (study, load_space, device, load_analysis)
    for known, load in zip(SCHEMAS, loads, strict=True):
        if schema == known:
            load(path, source=source, remarks=remarks)
            for size in analysis_file.SMALLER if load is load_analysis else ():
                if (changes := node.get(size)) and changes.value is not None:
                    load_analysis(path, size=size, source=source)
            return known
    if given is None:
        raise ConfigError([node.key_says("missing-key", "the key 'schema' is missing", f"one of {', '.join(SCHEMAS)}")])
    text = f"no schema is called {shown(schema)}{did_you_mean(str(schema), SCHEMAS)}"
    raise ConfigError([given.says("bad-value", text, f"known: {', '.join(SCHEMAS)}")])


def mistaken(path: Path | str, key: str, text: str, code: str = "bad-value") -> Diagnostic:
    """What shows only when a study is tried, at the place of the key that is to blame."""
    node, _ = _document(named("study", path), None)
    return node.find((key,)).says(code, text)


def _document(path: Path, source: str | None) -> tuple[Node, list[Diagnostic]]:
    return read(path, called(path)) if source is None else parsed(source, str(path), path)


def _usable(found: T | None, mistakes: list[Diagnostic], remarks: list[Diagnostic] | None) -> T:
    """What was read; a ConfigError if something is wrong with it."""
    if errors(mistakes):
        raise ConfigError(mistakes)
    assert found is not None, "nothing was read and nobody said why"
    if remarks is not None:
        remarks += sorted(set(mistakes))
    return found
