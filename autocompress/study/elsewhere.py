"""What other machines need of a study beside its cache: the baseline's file and numbers, next to which they measure."""

from pathlib import Path

from autocompress.errors import StudyError
from autocompress.study.artifacts import Artifacts, write_durably
from autocompress.study.bundle import bundle, unbundled
from autocompress.study.depot import VARIABLE, depot
from autocompress.study.home import home

REFERENCES = "references"  # the folder in that of a study
NUMBERS = "baseline.json"  # the last that comes into it


def share(folder: Path) -> None:
    """Of a baseline that was measured here."""
    if (there := depot()) and (folder / REFERENCES / NUMBERS).exists():
        there.put(_name(folder), bundle(folder / REFERENCES))


def fetch(folder: Path) -> bool:
    """Whether the baseline is known on this machine, now."""
    here = folder / REFERENCES
    if (there := depot()) and not (here / NUMBERS).exists():
        files = unbundled(there.get(_name(folder)) or b"") or {}
        for name in sorted(files, key=lambda name: name == NUMBERS):
            write_durably(here / name, files[name])
    return (here / NUMBERS).exists()


def ready(folder: Path, name: str, begun: bool) -> None:
    """Before a run: whether the store can be used, and has all that was done `begun` or not, here or elsewhere."""
    if not (there := depot()):
        return
    there.tried()
    if begun and not fetch(folder):
        text = f"study {name!r} was begun on another machine, which has not put its files up to {VARIABLE}"
        raise StudyError(f"{text}: run it there once more with {VARIABLE} set, then here")
    share(folder)
    Artifacts(folder / "artifacts", there).put_up()


def _name(folder: Path) -> str:
    studies = home() / "studies"
    return f"studies/{folder.relative_to(studies) if folder.is_relative_to(studies) else folder.name}/{REFERENCES}"
