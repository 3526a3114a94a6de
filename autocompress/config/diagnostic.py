"""What is wrong with a file: where, what, and what would be right. A study's mistakes travel in one `ConfigError`."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, get_args

CODES: dict[str, str] = {
    "yaml-syntax": "This is not YAML 1.2, or not UTF-8 text.",
    "yaml-tab": "A tab stands where YAML wants spaces.",
    "yaml-limit": "The file is larger, deeper or more repetitive than any honest one.",
    "yaml-tag": "Tags (`!!python/object`, `!env`) and merge keys (`<<`) are not read: a file is data, never a program.",
    "duplicate-key": "The same key stands twice in one mapping.",
    "unknown-key": "No such key or setting exists here.",
    "missing-key": "Something required is not there.",
    "not-found": "The file cannot be read: it is missing, a folder, or not ours to read.",
    "unknown-name": "No space, device, study, metric or runtime has this name.",
    "unknown-plugin": "No plug-in of this kind has this name.",
    "broken-plugin": "The plug-in exists but cannot be imported, usually because an optional package is missing.",
    "wrong-type": "A number where text is wanted, a list where a mapping is wanted, and the like.",
    "out-of-range": "The value has the right type but is too small, too large, too short or too long.",
    "bad-unit": "A quantity without its unit, with an ambiguous one (`KB`), or with one of another dimension.",
    "bad-hole": "A `choice`, `int`, `float`, `order` or `auto` that cannot be filled, or where no hole may be.",
    "bad-order": "A stage stands where it cannot work, such as one that must come last.",
    "bad-limit": "A limit on the wrong side, or one that cannot be meant.",
    "bad-extends": "A device extends itself, or too long a line of parents.",
    "empty-space": "Nothing can be both: what the space makes and what the device runs.",
    "secret": "A password or token stands in the file, where everybody who gets a copy can read it.",
    "needs-teacher": "Something refers to the teacher or its accuracy, and the study has no teacher.",
    "bad-value": "The value is not one of those possible, or two values do not go together.",
    "unsupported": "The schema knows the word, this version does not do it yet.",
    "stale": "A number was taken too long ago, on other hardware, or with another runtime than the file is about.",
    "untrained": "A stage wants a trained network, and a recipe is possible in which nothing trains before it.",
    "unfit": "A recipe is possible that the device cannot run.",
    "not-here": "`run` would refuse the study on this machine.",
    "no-evidence": "Nothing says where the numbers of an estimator come from: what it tells is assumed.",
}
WARNINGS = ("stale", "untrained", "unfit", "not-here", "no-evidence")  # worth knowing; the file can be used

Format = Literal["text", "json", "github"]
FORMATS: tuple[Format, ...] = get_args(Format)
WIDEST = 120  # columns of a source line that are worth showing


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One mistake. `path` is the way through the keys, `source` the line it stands on."""

    file: str
    line: int
    col: int
    code: str
    path: str
    text: str
    hint: str = ""
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        assert self.code in CODES, self.code

    def __str__(self) -> str:
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.col}: {self.severity}[{self.code}]: {self.message}{hint}"

    @property
    def severity(self) -> Literal["error", "warning"]:
        return "warning" if self.code in WARNINGS else "error"

    @property
    def message(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text

    @property
    def picture(self) -> str:
        """The source line with a caret under the mistake; nothing if the line is not known."""
        line = printable(self.source.replace("\t", " "))
        if not line.strip():
            return ""
        start = max(0, min(self.col - WIDEST // 2, len(line) - WIDEST))
        return f"    {line[start : start + WIDEST].rstrip()}\n    {' ' * (self.col - 1 - start)}^"


def errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those that make a file unusable."""
    return [d for d in diagnostics if d.severity == "error"]


class ConfigError(Exception):
    """Every mistake that was found, sorted by place, and what else is worth knowing there."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(sorted(set(diagnostics)))
        assert self.diagnostics, "a ConfigError without a mistake"
        super().__init__("\n".join(map(str, self.diagnostics)))

    def __reduce__(self) -> tuple[Any, ...]:
        return ConfigError, (self.diagnostics,)


def render(diagnostics: Sequence[Diagnostic], form: Format = "text", *, tty: bool = False) -> str:
    """For people (with the source line on a terminal), for programs, or for GitHub's annotations."""
    if form == "json":
        found = [{"severity": d.severity, **{k: v for k, v in asdict(d).items() if k != "source"}} for d in diagnostics]
        return json.dumps({"schema": "autocompress.diagnostics/v1", "diagnostics": found}, ensure_ascii=False, indent=2)
    if form == "github":
        return "\n".join(map(_annotation, diagnostics))
    return "\n".join(_pictured(d) if tty else str(d) for d in diagnostics)


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """`; did you mean 'prune'?`, or nothing if no name is near."""
    nearest = closest(word, names)
    return f"; did you mean '{nearest}'?" if nearest else ""


def closest(word: str, names: Iterable[str]) -> str | None:
    lower = {name.lower(): name for name in names}
    found = get_close_matches(word.lower(), lower, n=1)
    return lower[found[0]] if found else None


def printable(text: str) -> str:
    """One line without anything a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in re.sub(r"\s", " ", text))


def _pictured(d: Diagnostic) -> str:
    first, _, hint = str(d).partition("\n")
    return "\n".join(part for part in (first, d.picture, hint) if part)


def _annotation(d: Diagnostic) -> str:
    text = f"{d.code}: {d.message}" + (f" ({d.hint})" if d.hint else "")
    file = _escaped(d.file).replace(":", "%3A").replace(",", "%2C")
    return f"::{d.severity} file={file},line={d.line},col={d.col}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
