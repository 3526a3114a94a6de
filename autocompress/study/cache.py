"""Work that was done before: models by the hash of everything that went into them."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from filelock import FileLock

from autocompress.compress.manifest import load, save
from autocompress.compress.model import Model
from autocompress.compress.shelf import Shelf
from autocompress.study.artifacts import sync_folder, write_durably
from autocompress.study.bundle import bundle, unbundled
from autocompress.study.depot import Depot

STAGES = ("compress", "data")  # what decides how a stage turns out
FILES = (*STAGES, "measure", "study")  # and what is said of the file that comes of it


class Cache:
    """One folder per key. Whoever makes an entry holds its lock, so that two workers never do the same work at once.

    The lock is that of a folder: machines that share no more than a depot may do the same work twice.
    """

    def __init__(self, folder: Path, depot: Depot | None = None) -> None:
        self.folder = folder
        self._depot = depot.under("cache") if depot else None

    def get(self, key: str) -> Model | None:
        """The model kept under a key; a damaged entry is thrown away and made again."""
        place = self._place(key)
        if not (place / "manifest.json").exists() and not self._fetched(key):
            return None
        try:
            return load(place)
        except (OSError, ValueError):
            shutil.rmtree(place, ignore_errors=True)
            return None

    def put(self, key: str, model: Model, *, mean: Sequence[float], std: Sequence[float]) -> None:
        """All of the entry or nothing: written beside its place, then renamed."""
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=".tmp-"))
        save(model, draft, mean=mean, std=std)
        _moved(draft, place)
        if self._depot:
            self._depot.put(_name(key), bundle(place))

    def begun(self, key: str) -> Shelf:
        """What is half done under a key."""
        folder = self.folder / "begun" / key
        if self._depot and not folder.exists():
            for name, content in (unbundled(self._depot.get(f"begun/{key}") or b"") or {}).items():
                write_durably(folder / name, content)
        return Shelf(folder)

    def left(self, key: str) -> None:
        """Somebody may go on with what is half done, on another machine."""
        if self._depot and (self.folder / "begun" / key).exists():
            self._depot.put(f"begun/{key}", bundle(self.folder / "begun" / key))

    def over(self, key: str) -> None:
        """Nobody needs what was half done."""
        Shelf(self.folder / "begun" / key).clear()
        if self._depot:
            self._depot.remove(f"begun/{key}")

    @property
    def rungs(self) -> Shelf:
        """What networks could do when they were judged."""
        return Shelf(self.folder / "rungs", self._depot.under("rungs") if self._depot else None)

    @property
    def answers(self) -> Shelf:
        """What teachers said."""
        return Shelf(self.folder / "answers")

    def claim(self, key: str) -> FileLock:
        """While it is held nobody else works on this entry. A worker that dies lets go of it."""
        locks = self.folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / f"{key}.lock")

    def _place(self, key: str) -> Path:
        return self.folder / _name(key)

    def _fetched(self, key: str) -> bool:
        """Whether another machine has put it up. What was damaged on its way is made again."""
        if not self._depot or not (files := unbundled(self._depot.get(_name(key)) or b"")):
            return False
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=".tmp-"))
        for name, content in files.items():
            (draft / name).write_bytes(content)
        _moved(draft, place)
        return True


def _name(key: str) -> str:
    return f"{key[:2]}/{key}"


def _moved(draft: Path, place: Path) -> None:
    try:
        os.rename(draft, place)
    except OSError:  # somebody was faster: the entry is there, and equal keys mean equal work
        shutil.rmtree(draft, ignore_errors=True)
    sync_folder(place.parent)


@cache
def code_version(folders: tuple[str, ...] = STAGES) -> str:
    """Changes when any source changes that the work depends on: an old entry is never taken for new work."""
    root = Path(__file__).parent.parent
    h = sha256()
    for path in sorted(p for name in folders for p in (root / name).rglob("*.py")):
        h.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return h.hexdigest()
