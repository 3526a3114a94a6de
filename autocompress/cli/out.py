"""What goes where: documents to stdout, words to stderr, and a number that scripts can rely on."""

import codecs
import io
import json
import sys
from functools import cache
from typing import Any, TextIO

from rich.console import Console

OK, UNEXPECTED, USAGE, CONFIGURATION, NOTHING_FITS, STUDY_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

ALIKE = {
    **{
        "±": "+-",
        "≤": "<=",
        "≥": ">=",
        "→": ">",
        "←": "<",
        "↑": "^",
        "↓": "v",
        "≈": "~",
        "×": "x",
        "µ": "u",
        "…": "...",
    },
    **dict.fromkeys("−–─╌━", "-"),
    **dict.fromkeys("│┊┤", "|"),
    **dict.fromkeys("└┬┼", "+"),
    **{"★": "*", "●": "o", "·": ".", "■": "#"},
}


@cache
def people() -> Console:
    """stderr. Colour only on a terminal, and not under NO_COLOR."""
    return Console(stderr=True)


def speakable() -> None:
    """No answer is lost because a terminal or a pipe is without UTF-8: it gets letters that look alike."""
    codecs.register_error("alike", _alike)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not in_unicode(stream):
            stream.reconfigure(errors="alike")


def _alike(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(ALIKE.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


def in_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().startswith("utf")


def document(schema: str, content: dict[str, Any]) -> None:
    """One JSON document that says what it is."""
    whole(titled(schema, content))


def titled(schema: str, content: dict[str, Any]) -> dict[str, Any]:
    """A document that says what it is."""
    return {"schema": f"autocompress.{schema}/v1", **content}


def whole(content: dict[str, Any]) -> None:
    """A JSON document that says itself what it is. Where there is no UTF-8, its letters are escaped."""
    text = json.dumps(content, indent=2, ensure_ascii=not in_unicode(sys.stdout), allow_nan=False)
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
