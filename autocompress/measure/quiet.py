"""One machine, many processes: who reads a clock has it alone, between two steps of those who work beside each other.

Two file locks make a turnstile: the door is open unless somebody measures or is about to; in the room are those who
work. The kernel takes back what a dead process held, so nobody waits for the dead. Who works for itself, in no such
company, is in nobody's way.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_place: list[int] = []  # this process's, in the room


@contextmanager
def together() -> Iterator[None]:
    """A step of work beside others. Waits while somebody measures, and lets go first who waits for that."""
    _enter()
    try:
        yield
    finally:
        _leave()


@contextmanager
def quiet() -> Iterator[None]:
    """In a step: nobody else is in one. Waits until they have finished theirs."""
    if not _place:
        yield
        return
    _leave()  # first, for two may want to measure
    door = _lock("door", alone=True)
    room = _lock("room", alone=True)
    try:
        yield
    finally:
        os.close(room)
        os.close(door)
        _enter()


def _enter() -> None:
    door = _lock("door")
    _place.append(_lock("room"))
    os.close(door)


def _leave() -> None:
    os.close(_place.pop())


def _lock(name: str, *, alone: bool = False) -> int:
    """Held until it is closed. In a folder of this machine: of a lock on a shared folder nobody knows what it means."""
    import fcntl  # not on Windows

    folder = Path(tempfile.gettempdir()) / f"autocompress-quiet-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
    return handle
