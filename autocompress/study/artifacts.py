"""Files by the SHA-256 of their content: a name that cannot lie, and nothing to lock."""

import hashlib
import os
import tempfile
from pathlib import Path


class Artifacts:
    """Temp file, fsync, rename. A crash leaves at most an orphan in `tmp`, never half a file under a name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, source: Path) -> str:
        return self.keep(source.read_bytes())

    def keep(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        target = self.path(name)
        if not target.exists():
            write_durably(target, data)
        return name

    def path(self, digest: str) -> Path:
        assert len(digest) == 64, digest
        return self.folder / digest[:2] / digest

    def get(self, digest: str) -> bytes:
        """The content, checked: a damaged file is an error, not a model."""
        data = self.path(digest).read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError(f"{self.path(digest)} is damaged: its content no longer has the digest in its name")
        return data


def write_durably(target: Path, data: bytes) -> None:
    """All of it or nothing, also when the power fails; its folder is made if it has to be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
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
