"""Tensors put aside under a name, whole or not at all: half-done training, a teacher's answers. Never a pickle."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

DIGEST = 32  # bytes of SHA-256 at the end of a file


class Far(Protocol):
    """A place that other machines see, too."""

    def get(self, name: str) -> bytes | None: ...

    def put(self, name: str, content: bytes) -> None: ...


class Shelf:
    """One folder, one file per name. What a power cut damaged counts as not there: all of it can be made again."""

    def __init__(self, folder: Path, far: Far | None = None) -> None:
        self._folder, self._far = folder, far

    def put(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        content = bytes_of({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
        content += hashlib.sha256(content).digest()
        draft = self._place(name).with_suffix(".part")
        draft.write_bytes(content)
        draft.replace(self._place(name))
        if self._far:
            self._far.put(name, content)

    def get(self, name: str) -> dict[str, Tensor] | None:
        try:
            content = self._place(name).read_bytes()
        except FileNotFoundError:
            content = (self._far.get(name) if self._far else None) or b""
        content, digest = content[:-DIGEST], content[-DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            return None
        try:
            return dict(tensors_of(content))
        except SafetensorError:
            return None

    @contextmanager
    def claim(self, name: str) -> Iterator[None]:
        """Nobody else makes this meanwhile; a process that dies lets go of it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / f"{name}.lock"):
            yield

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}.tensors"
