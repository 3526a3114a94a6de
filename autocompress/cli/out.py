"""What goes where: documents to stdout, words to stderr, and a number that scripts can rely on."""

import json
import sys
from functools import cache
from typing import Any

from rich.console import Console

OK, UNEXPECTED, USAGE, CONFIGURATION, NOTHING_FITS, STUDY_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


@cache
def people() -> Console:
    """stderr. Colour only on a terminal, and not under NO_COLOR."""
    return Console(stderr=True)


def document(schema: str, content: dict[str, Any]) -> None:
    """One JSON document that says what it is."""
    text = json.dumps({"schema": f"autocompress.{schema}/v1", **content}, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text + "\n")


def data(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def told(error: Exception) -> str:
    """A mistake in words; on a terminal with the line it is on and a caret below."""
    from autocompress.config.diagnostic import ConfigError, render

    if isinstance(error, ConfigError):
        return render(error.diagnostics, tty=people().is_terminal)
    return str(error)


def exit_code(error: Exception) -> int | None:
    """For mistakes that a person can mend; None for bugs."""
    from autocompress.config.diagnostic import ConfigError
    from autocompress.errors import StudyError, UnknownPlugin, UnknownStudy

    if isinstance(error, ConfigError):
        return CONFIGURATION
    if isinstance(error, UnknownPlugin | UnknownStudy):
        return USAGE
    return STUDY_FAILED if isinstance(error, StudyError) else None
