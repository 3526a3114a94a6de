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
from autocompress.study.artifacts import sync_folder

STAGES = ("compress", "data")  # what decides how a stage turns out
FILES = (*STAGES, "measure", "study")  # and what is said of the file that comes of it


class Cache:
    """One folder per key. Whoever makes an entry holds its lock, so that two workers never do the same work at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Model | None:
        """The model kept under a key; a damaged entry is thrown away and made again."""
        place = self._place(key)
        if not (place / "manifest.json").exists():
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
        try:
            os.rename(draft, place)
        except OSError:  # somebody was faster: the entry is there, and equal keys mean equal work
            shutil.rmtree(draft, ignore_errors=True)
        sync_folder(place.parent)

    def begun(self, key: str) -> Shelf:
        """What is half done under a key."""
        return Shelf(self.folder / "begun" / key)

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
        return self.folder / key[:2] / key


@cache
def code_version(folders: tuple[str, ...] = STAGES) -> str:
    """Changes when any source changes that the work depends on: an old entry is never taken for new work."""
    root = Path(__file__).parent.parent
    h = sha256()
    for path in sorted(p for name in folders for p in (root / name).rglob("*.py")):
        h.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return h.hexdigest()
