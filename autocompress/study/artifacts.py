"""Files by the SHA-256 of their content: a name that cannot lie, and nothing to lock."""

import hashlib
import os
import secrets
from pathlib import Path

from autocompress.study.depot import VARIABLE, Depot

DIGITS = 64


class Artifacts:
    """Temp file, fsync, rename. A crash leaves at most an orphan in `tmp`, never half a file under a name.

    What is kept is put up to the depot, if there is one; what is not here is fetched from it.
    """

    def __init__(self, folder: Path, depot: Depot | None = None) -> None:
        self.folder = folder
        self._depot = depot.under("artifacts") if depot else None

    def put(self, source: Path) -> str:
        return self.keep(source.read_bytes())

    def keep(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        target = self.folder / _place(name)
        if not target.exists():
            write_durably(target, data)
        if self._depot and self._depot.size(_place(name)) != len(data):  # another size: half of it
            self._depot.put(_place(name), data)
        return name

    def path(self, digest: str) -> Path:
        """Where it lies on this machine."""
        target = self.folder / _place(digest)
        if self._depot and not target.exists() and (data := self._depot.get(_place(digest))) is not None:
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError(f"{_place(digest)} was damaged on its way here: its content has another digest")
            write_durably(target, data)
        return target

    def put_up(self) -> None:
        """What was kept while there was no depot."""
        if self._depot and self.folder.exists():
            here = {str(file.relative_to(self.folder)) for file in self.folder.glob("??/*") if file.is_file()}
            for name in sorted(here - self._depot.names()):
                if len(Path(name).name) == DIGITS:  # not one that is being written
                    self._depot.put(name, (self.folder / name).read_bytes())

    def get(self, digest: str) -> bytes:
        """The content, checked: a damaged file is an error, not a model."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError as error:
            where = ", nor in the store" if self._depot else f" ({VARIABLE}: where another machine has put it up)"
            raise FileNotFoundError(f"{error.filename} is not on this machine{where}") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError(f"{self.path(digest)} is damaged: its content no longer has the digest in its name")
        return data


def _place(digest: str) -> str:
    assert len(digest) == DIGITS, digest
    return f"{digest[:2]}/{digest}"


def write_durably(target: Path, data: bytes) -> None:
    """All of it or nothing, also when the power fails; its folder is made if it has to be. Whoever may read other files
    of this user may read this one: studies lie on shared disks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
