"""A terminal or a pipe without UTF-8 is no reason to lose an answer."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import Pretend, spec
from typer.testing import CliRunner

from autocompress.cli import out
from autocompress.cli.app import app
from autocompress.study.study import Study
from autocompress.values.study import Budget


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)


def said(encoding: str, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stdout", stream(encoding))
    out.speakable()
    sys.stdout.write(text)
    return sys.stdout.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


def test_letters_that_are_not_there_are_replaced_by_some_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "★ 1  99.72 ± 0.28 %  ≤ 9 µs → ┤·■ −3 中"
    assert said("ascii", text, monkeypatch) == "* 1  99.72 +- 0.28 %  <= 9 us > |.# -3 ?"
    assert said("latin-1", text, monkeypatch) == "* 1  99.72 ± 0.28 %  <= 9 µs > |·# -3 ?"
    assert said("utf-8", text, monkeypatch) == text


def test_documents_are_escaped_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, text in (("ascii", '"\\u00b1"'), ("utf-8", '"±"')):
        monkeypatch.setattr(sys, "stdout", stream(encoding))
        out.speakable()
        out.document("x", {"a": "±"})
        found = sys.stdout.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
        assert text in found
        assert json.loads(found) == {"schema": "autocompress.x/v1", "a": "±"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(home))
        Study.of(spec(budget=Budget(trials=8)), work=Pretend()).run()
    return home


def shown(home: Path, encoding: str) -> str:
    """What `front` writes to a terminal."""
    ours, theirs = pty.openpty()
    words = {"AUTOCOMPRESS_HOME": str(home), "COLUMNS": "90", "TERM": "xterm", "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "autocompress", "front", "pretend"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, **words}) as running:
        os.close(theirs)
        heard = b""
        while part := _read(ours):
            heard += part
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", heard.decode("utf-8"))
    assert running.returncode == 0, text
    return text.replace("\r", "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end is closed
        return b""


def test_on_a_terminal_the_front_is_drawn(home: Path) -> None:
    text = shown(home, "utf-8")
    assert "accuracy (more is better)\n" in text
    assert "┤" in text
    assert "★ pick   ● on the front" in text
    assert text.index("trial") < text.index("★ pick") < text.index("pretend: take trial")


def test_a_terminal_without_utf_8_is_no_bug(home: Path) -> None:
    text = shown(home, "ascii")
    assert "* pick   o on the front" in text
    assert "bug" not in text
    assert text.isascii()


@pytest.mark.parametrize("more", [[], ["--json"], ["--csv"]])
def test_in_a_pipe_nothing_is_drawn(home: Path, more: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(home))
    done = CliRunner().invoke(app, ["front", "pretend", *more])
    assert done.exit_code == 0, done.output
    assert "more is better" not in done.output
    assert not set("┤★") & set(done.stdout)
