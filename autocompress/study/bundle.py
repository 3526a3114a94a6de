"""A folder as one object with a seal: half of it, or a damaged one, is none."""

import hashlib
import io
import tarfile
from pathlib import Path

SEAL = 32  # bytes of SHA-256 at the end
NO_CONTENT = {".part", ".lock"}  # what is being written


def bundle(folder: Path) -> bytes:
    """The files that lie in it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for file in sorted(folder.iterdir()):
            if file.is_file() and not file.name.startswith(".") and file.suffix not in NO_CONTENT:
                content = file.read_bytes()
                entry = tarfile.TarInfo(file.name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return out.getvalue() + hashlib.sha256(out.getvalue()).digest()


def unbundled(sealed: bytes) -> dict[str, bytes] | None:
    """Its files by name; None if it is not as it was put up."""
    content, seal = sealed[:-SEAL], sealed[-SEAL:]
    if hashlib.sha256(content).digest() != seal:
        return None
    files = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for entry in tar:
            file = tar.extractfile(entry)
            if file is None or Path(entry.name).name != entry.name:
                return None  # not ours
            files[entry.name] = file.read()
    return files
