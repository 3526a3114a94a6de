"""One controller per study. The lock goes with its process, however that ends."""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from autocompress.errors import StudyError

GLANCE = 0.5  # seconds: somebody who only looks whether the lock is held has it for less


@contextmanager
def held(folder: Path, name: str) -> Iterator[None]:
    """Hold the study, or say who does."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "lock.json"
    lock = FileLock(folder / "lock", timeout=GLANCE)
    try:
        lock.acquire()
    except Timeout:
        raise StudyError(f"study {name!r} is already being run by {_holder(note)}; wait for it, or stop it") from None
    try:
        note.write_text(json.dumps({"pid": os.getpid(), "host": platform.node(), "since": time.time()}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether some process runs this study now."""
    lock = FileLock(folder / "lock", timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return folder.exists()
    lock.release()
    return False


def _holder(note: Path) -> str:
    try:
        who = json.loads(note.read_text())
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(who["since"]))
        return f"process {who['pid']} on {who['host']} since {since}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
