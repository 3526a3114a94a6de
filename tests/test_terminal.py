"""The program at a terminal: numbers that move, carets under mistakes, Ctrl-C."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from outside import STUDY
from processes import wait_for

from autocompress.cli.live import _line
from autocompress.study.store import Store
from autocompress.values.limit import Objective
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.trial import Trial

HERE = Path(__file__).parent
SHORT, ENDLESS = 1.0, 600.0  # seconds of a pretend trial


@pytest.fixture(params=["pretend", pytest.param("real", marks=pytest.mark.slow)])
def program(request, tmp_path):
    """The program's verbs on a study; in the pretend world its trials last as many seconds as one likes."""

    def command(verb, name, *options, seconds=SHORT):
        if request.param == "pretend":
            return [sys.executable, HERE / "watched.py", str(seconds), verb, name, *map(str, options)]
        file = tmp_path / f"{name}.yaml"
        text = STUDY.replace("name: small", f"name: {name}")
        file.write_text(text.replace("epochs: {int: [1, 2]}", "epochs: {int: [25, 30]}") if name == "long" else text)
        return [sys.executable, "-m", "autocompress", verb, file if verb == "run" else name, *map(str, options)]

    return command


def outside(home):
    return {**os.environ, "AUTOCOMPRESS_HOME": str(home), "COLUMNS": "120", "TERM": "xterm"}


def test_on_a_terminal_numbers_move(program, tmp_path):
    """stderr is a terminal here."""
    ours, theirs = pty.openpty()
    command = program("run", "watched", "--trials", 2)
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=outside(tmp_path)) as running:
        os.close(theirs)
        heard = b""
        while part := _read(ours):
            heard += part
    os.close(ours)
    said = heard.decode()
    assert running.returncode == 0, said
    assert "Traceback" not in said
    for words in ("watched  0/2 trials", "ETA ?", "hypervolume", "baseline", "take trial"):
        assert words in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said), words


def test_on_a_terminal_a_mistake_is_shown_in_its_line(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(STUDY.replace("trials: 3", "trails: 3"))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "autocompress", "run", str(file)]
    with subprocess.Popen(command, stderr=theirs, env={**os.environ, "AUTOCOMPRESS_HOME": str(tmp_path)}):
        os.close(theirs)
        heard = b""
        while part := _read(ours):
            heard += part
    os.close(ours)
    lines = heard.decode().replace("\r", "").splitlines()
    place = next(i for i, line in enumerate(lines) if "unknown-key" in line)
    assert lines[place + 1] == "    budget: {trails: 3, variants: 0}"
    assert lines[place + 2].index("^") == lines[place + 1].index("trails")


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end is closed
        return b""


# --- Ctrl-C ---


def interrupted(command, home, times):
    """Start a study of long trials, wait until one has ended, press Ctrl-C in the middle of the next.

    Returns the exit code, what it said, and the trials it left behind. Ctrl-C reaches the workers, too.
    """
    streams = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True, "start_new_session": True}
    running = subprocess.Popen(command, env=outside(home), **streams)
    heard = ""
    try:
        for awaited in (" #0 ", "finishing the running trials")[:times]:
            while awaited not in heard:
                line = running.stderr.readline()
                assert line, heard
                heard += line
            wait_for(lambda: any(t.state == "running" for t in stored(home)))
            os.killpg(running.pid, signal.SIGINT)
        _, rest = running.communicate(timeout=300)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    return running.returncode, heard + rest, stored(home)


def stored(home):
    store = Store(f"sqlite:///{home}/studies/long/study.db", "long")
    try:
        return store.trials()
    finally:
        store.close()


def test_ctrl_c_once_finishes_what_runs(program, tmp_path):
    code, said, trials = interrupted(program("run", "long", "--trials", 400), tmp_path, 1)
    assert code == 130
    assert "finishing the running trials; Ctrl-C again drops them" in said
    assert "interrupted; go on with: autocompress resume long" in said
    assert {t.state for t in trials} <= {"complete", "infeasible"}
    assert len(trials) < 50


def test_ctrl_c_twice_drops_it_and_resume_takes_it_up(program, tmp_path):
    code, said, trials = interrupted(program("run", "long", "--trials", 400, seconds=ENDLESS), tmp_path, 2)
    assert code == 130
    assert "dropping the running trials" in said
    dropped = [t for t in trials if t.state == "running"]
    assert len(dropped) == 1
    resume = program("resume", "long", "--trials", len(trials), "--json", seconds=0.0)
    after = subprocess.run(resume, capture_output=True, text=True, timeout=300, env=outside(tmp_path))
    assert after.returncode == 0, after.stderr
    again = stored(tmp_path)
    assert [t.recipe for t in again][: len(trials)] == [t.recipe for t in trials]
    assert all(t.state not in ("running", "waiting") for t in again)


def test_lines_mark_what_is_estimated():
    aim = Objective(metric="latency_p50", direction="minimize")
    loop = SimpleNamespace(spec=SimpleNamespace(objectives=(aim,)), front=SimpleNamespace(members=()))
    for how, text in (("estimated", "≈ 1.00 ms"), ("measured", "1.00 ms")):
        numbers = (Measurement(metric="latency_p50", value=1e-3, how=how),)
        trial = Trial(number=0, recipe=Recipe.of({"student": {"use": "cnn"}}), state="complete", measurements=numbers)
        assert _line(trial, loop).plain.startswith(f"#0    {text}")
