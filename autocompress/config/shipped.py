"""What comes with autocompress, and how a name or a path in a file becomes a file."""

import os
from pathlib import Path
from typing import Literal

from autocompress.config.diagnostic import ConfigError, did_you_mean
from autocompress.config.node import Node, Place, Source

Kind = Literal["space", "device", "study", "analysis"]
FOLDERS: dict[Kind, str] = {
    "space": "search_spaces",
    "device": "search_spaces/devices",
    "study": "studies",
    "analysis": "studies/published",
}
PACKAGE = Path(__file__).parent.parent


def root() -> Path:
    """Inside the installed package, or the checkout around it."""
    installed = PACKAGE / "shipped"
    return installed if installed.is_dir() else PACKAGE.parent


def names(kind: Kind) -> list[str]:
    return sorted(_files(kind))


def groups(kind: Kind) -> dict[str, list[str]]:
    """Folder -> the names in it. What lies beside the folders comes first, under no name."""
    found: dict[str, list[str]] = {"": []}
    for name, path in sorted(_files(kind).items()):
        found.setdefault("" if path.parent == root() / FOLDERS[kind] else path.parent.name, []).append(name)
    return found


def _files(kind: Kind) -> dict[str, Path]:
    """Devices lie in folders of their own, one for each sort of thing."""
    folder = root() / FOLDERS[kind]
    return {path.stem: path for path in folder.glob("**/*.yaml" if kind == "device" else "*.yaml")}


def named(kind: Kind, name: Path | str) -> Path:
    """What a person asked for: `quickstart` is shipped, anything with a slash or a suffix is a path."""
    text = str(name)
    if isinstance(name, Path) or is_path(text):
        return Path(text)
    if text in names(kind):
        return shipped(kind, text)
    raise ConfigError([Place(Source(text)).says("unknown-name", (), *unknown(kind, text, Path()))])


def shipped(kind: Kind, name: str) -> Path:
    return _files(kind)[name]


def referred(node: Node, kind: Kind) -> Path:
    """The file that a value names: a shipped one, or a path from the folder of the file it stands in."""
    name = str(node.value)
    folder = node.place.source.path.parent
    if not is_path(name):
        if name in names(kind):
            return shipped(kind, name)
        raise ConfigError([node.says("unknown-name", *unknown(kind, name, folder))])
    path = Path(os.path.normpath(folder / name))
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else [])
        raise ConfigError([node.says("not-found", f"there is no file '{called(path)}'{near}")])
    return path


def called(path: Path) -> str:
    """A path as people like to read it: from where they are, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)


def is_path(text: str) -> bool:
    return "/" in text or "\\" in text or text.endswith((".yaml", ".yml"))


def unknown(kind: Kind, name: str, folder: Path) -> tuple[str, str]:
    """Text and hint for a name that nobody has."""
    known = names(kind)
    beside = f"{name}.yaml" if (folder / f"{name}.yaml").is_file() else ""
    hint = f"a file beside this one is written './{beside}'" if beside else f"shipped: {', '.join(known) or 'none'}"
    return f"no {kind} is called '{name}'{did_you_mean(name, known)}", hint
