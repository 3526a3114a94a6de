"""The program at a terminal: numbers that move, carets under mistakes, Ctrl-C."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

from outside import STUDY, program

from autocompress.cli.live import _line
from autocompress.study.store import Store
from autocompress.values.limit import Objective
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.trial import Trial


def test_on_a_terminal_numbers_move(tmp_path):
    """stderr is a terminal here."""
    home, file = tmp_path, tmp_path / "small.yaml"
    file.write_text(STUDY)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "autocompress", "run", str(file), "--as", "watched", "--trials", "2"]
    environment = {**os.environ, "AUTOCOMPRESS_HOME": str(home), "COLUMNS": "120", "TERM": "xterm"}
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=environment) as running:
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


def interrupted(home, times):
    """Start a study of long trials, wait until one has ended, press Ctrl-C in the middle of the next.

    Returns the exit code, what it said, and the trials it left behind.
    """
    file = home / "long.yaml"
    long = STUDY.replace("name: small", "name: long").replace("trials: 3", "trials: 400")
    file.write_text(long.replace("epochs: {int: [1, 2]}", "epochs: {int: [25, 30]}"))
    command = [sys.executable, "-m", "autocompress", "run", str(file)]
    environment = {**os.environ, "AUTOCOMPRESS_HOME": str(home)}
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        heard = ""
        while " #0 " not in heard:
            line = running.stderr.readline()
            assert line, heard
            heard += line
        for _ in range(times):
            time.sleep(0.4)
            running.send_signal(signal.SIGINT)
        _, rest = running.communicate(timeout=120)
    finally:
        running.kill()
    store = Store(f"sqlite:///{home}/studies/long/study.db", "long")
    return running.returncode, heard + rest, store.trials()


def test_ctrl_c_once_finishes_what_runs(tmp_path):
    code, said, trials = interrupted(tmp_path, 1)
    assert code == 130
    assert "finishing the running trials; Ctrl-C again drops them" in said
    assert "interrupted; go on with: autocompress resume long" in said
    assert {t.state for t in trials} <= {"complete", "infeasible"}
    assert len(trials) < 50


def test_ctrl_c_twice_drops_it_and_resume_takes_it_up(tmp_path):
    code, said, trials = interrupted(tmp_path, 2)
    assert code == 130
    assert "dropping the running trials" in said
    dropped = [t for t in trials if t.state == "running"]
    assert len(dropped) == 1
    after = program("resume", "long", "--trials", len(trials), "--json", home=tmp_path)
    assert after.returncode == 0, after.stderr
    stored = Store(f"sqlite:///{tmp_path}/studies/long/study.db", "long").trials()
    assert [t.recipe for t in stored][: len(trials)] == [t.recipe for t in trials]
    assert all(t.state not in ("running", "waiting") for t in stored)


def test_lines_mark_what_is_estimated():
    aim = Objective(metric="latency_p50", direction="minimize")
    loop = SimpleNamespace(spec=SimpleNamespace(objectives=(aim,)), front=SimpleNamespace(members=()))
    for how, text in (("estimated", "≈ 1.00 ms"), ("measured", "1.00 ms")):
        numbers = (Measurement(metric="latency_p50", value=1e-3, how=how),)
        trial = Trial(number=0, recipe=Recipe.of({"student": {"use": "cnn"}}), state="complete", measurements=numbers)
        assert _line(trial, loop).plain.startswith(f"#0    {text}")
