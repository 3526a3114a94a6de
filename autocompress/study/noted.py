"""How a study is found again: the note in its folder, and what it was asked for, perhaps by another version."""

import json
import os
from pathlib import Path
from typing import Any

import sqlalchemy
from pydantic import ValidationError

from autocompress.errors import StudyError
from autocompress.study.artifacts import write_durably
from autocompress.study.store import Store
from autocompress.values.study import StudySpec


def note(folder: Path) -> dict[str, Any] | None:
    """What it is called and where its truth is; None where no study was begun."""
    try:
        found: dict[str, Any] = json.loads((folder / "study.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def write_note(folder: Path, name: str, storage: str | None) -> None:
    """A password never gets into a file."""
    shown = sqlalchemy.engine.make_url(storage).render_as_string(hide_password=True) if storage else None
    wanted = {"schema": "autocompress.study-folder/v1", "name": name, "storage": shown}
    if note(folder) != wanted:
        os.makedirs(folder, exist_ok=True)
        write_durably(folder / "study.json", json.dumps(wanted, indent=1).encode())


def specified(store: Store) -> StudySpec:
    """As it was begun. A version that knew other settings is told in words."""
    try:
        return StudySpec.model_validate(store.fact("spec"))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        commit = (store.fact("environment") or {}).get("commit", "")[:12]
        version = f"another version of autocompress{f' (commit {commit})' if commit else ''}"
        raise StudyError(
            f"study {store.name!r} was begun by {version}, and this one does not understand its {where}; "
            f"go on with that version, or begin it anew with --as {store.name}-2"
        ) from None
