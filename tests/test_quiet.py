"""Who reads a clock has the machine alone."""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from autocompress.measure import latency
from autocompress.measure.quiet import quiet, together
from autocompress.values.device import Protocol

BESIDE = """
import sys, time
from autocompress.measure.quiet import quiet, together
with together():
    {body}
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / f"autocompress-quiet-{os.getuid()}"


def beside(body):
    return subprocess.Popen([sys.executable, "-c", BESIDE.format(body=body)], stdout=subprocess.PIPE, text=True)


def is_free(place, name, how=fcntl.LOCK_SH):
    with open(place / name, "w") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_two_work_side_by_side_and_one_measures_alone(place):
    with together():
        assert is_free(place, "room")
        with quiet():
            assert not is_free(place, "room")
            assert not is_free(place, "door")
        assert is_free(place, "room")
        assert not is_free(place, "room", fcntl.LOCK_EX)
    assert is_free(place, "room", fcntl.LOCK_EX)


def test_it_waits_for_the_others_step_but_not_for_the_dead():
    other = beside("print('in', flush=True); time.sleep(300)")
    assert other.stdout.readline() == "in\n"
    measures = beside("quiet().__enter__(); print('alone', time.monotonic(), flush=True)")
    time.sleep(0.3)
    killed = time.monotonic()
    other.kill()
    said, when = measures.stdout.readline().split()
    assert (said, float(when) > killed) == ("alone", True)
    assert measures.wait(20) == other.wait(20) + 9 == 0


def test_two_who_want_to_measure_do_so_one_after_the_other():
    both = [beside("time.sleep(0.2)\n    with quiet(): pass") for _ in range(2)]
    assert [p.wait(30) for p in both] == [0, 0]


def test_latencies_are_taken_in_quiet(place, monkeypatch):
    seen = []

    def ask(*about):
        seen.append(is_free(place, "room"))
        return {"times": [[1e-3]], "calls": [1], "contention": 1.0, "empty": None}

    monkeypatch.setattr(latency, "ask", ask)
    protocol = Protocol(processes=2)
    with together():
        latency.race((Path("a.onnx"),), {"use": "onnxruntime"}, (1, 8, 8), protocol)
    assert seen == [False, False]
    seen.clear()
    place.mkdir(exist_ok=True)
    latency.race((Path("a.onnx"),), {"use": "onnxruntime"}, (1, 8, 8), protocol)
    assert seen == [True, True], "who works alone keeps nobody away"
