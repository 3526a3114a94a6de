"""Environments of their own: made whole or made again, asked with a limit, and gone with whoever asks."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hands import SMALL, fresh
from typer.testing import CliRunner

from autocompress.cli.runtimes import runtimes
from autocompress.errors import Failure
from autocompress.measure import worker, workers
from autocompress.measure.runtimes import _pt2
from autocompress.measure.runtimes.executorch import Executorch
from autocompress.measure.runtimes.litert import Litert
from autocompress.measure.runtimes.torch import Torch
from autocompress.measure.vela import vela

TOOLS = f"""
import os, runpy, subprocess, sys, time
told = runpy.run_path({worker.__file__!r})

def chatty(question):
    print("this is no answer")
    os.write(1, b"nor is this")
    return {{"twice": 2 * question["number"]}}

def fails(question):
    print("all went well until now", file=sys.stderr)
    raise RuntimeError("no such operator")

def sleeps(question):
    child = subprocess.Popen(["sleep", "600"])
    with open(question["pids"], "w") as file:
        file.write(f"{{os.getpid()}} {{child.pid}}")
    time.sleep(600)

told["TASKS"].update(chatty=chatty, fails=fails, sleeps=sleeps)
told["main"]()
"""


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """An environment that is there, with tools of our own in it."""
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    monkeypatch.setitem(workers.ENVIRONMENTS, "tools", workers.Environment((), "for tests", 0.001))
    script = tmp_path / "tools.py"
    script.write_text(TOOLS)
    monkeypatch.setattr(workers, "worker", SimpleNamespace(__file__=str(script)))
    return made("tools")


def made(name: str) -> Path:
    """As `install` leaves it, but for the packages."""
    place = workers.folder() / name
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").symlink_to(sys.executable)
    (place / workers.STAMP).write_text(json.dumps(workers._stamp(name)))
    return place


def gone(pid: int) -> bool:
    """Dead, or dead and not yet buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(what) -> None:
    for _ in range(3000):
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_an_answer_is_what_the_tool_returns_and_not_what_it_prints(tools):
    assert workers.ask("tools", {"do": "chatty", "number": 21}) == {"twice": 42}


def test_a_tool_that_fails_is_quoted(tools):
    with pytest.raises(Failure, match=r"tools failed; it said: .*RuntimeError: no such operator") as caught:
        workers.ask("tools", {"do": "fails"})
    assert caught.value.code == "export"


def test_one_that_takes_too_long_is_killed_with_all_that_it_started(tools, tmp_path):
    pids = tmp_path / "pids"
    with pytest.raises(Failure, match="tools gave no answer in 3 s") as caught:
        workers.ask("tools", {"do": "sleeps", "pids": str(pids)}, patience=3.0)
    assert caught.value.code == "timeout"
    until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))


def test_it_ends_when_whoever_asked_is_killed(tools, tmp_path):
    pids = tmp_path / "pids"
    code = (
        "from types import SimpleNamespace; from autocompress.measure import workers\n"
        "workers.ENVIRONMENTS['tools'] = workers.Environment((), 'for tests', 0.001)\n"
        f"workers.worker = SimpleNamespace(__file__={str(tmp_path / 'tools.py')!r})\n"
        f"workers.ask('tools', {{'do': 'sleeps', 'pids': {str(pids)!r}}})"
    )
    asking = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    tool, child = map(int, pids.read_text().split())
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    until(lambda: gone(tool))
    os.kill(child, signal.SIGKILL)  # of tools that start others, those stay; ours start none


class Pip:
    """Stands in for venv and pip."""

    def __init__(self, monkeypatch) -> None:
        self.asked: list[list[str]] = []
        self.fails = False
        monkeypatch.setattr(workers.subprocess, "run", self)

    def __call__(self, command, **_):
        self.asked.append(command)
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir(parents=True)
            (Path(command[-1]) / "bin" / "python").symlink_to(sys.executable)
        failed = self.fails and "pip" in command
        return SimpleNamespace(returncode=int(failed), stdout="", stderr="ERROR: no matching distribution\n")


def test_what_is_there_is_not_made_again_and_what_is_half_made_is(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    pip = Pip(monkeypatch)
    assert workers.missing("vela") == "the environment of vela is not installed: autocompress runtimes install vela"
    pip.fails = True
    with pytest.raises(Failure, match="the environment of vela cannot be made: ERROR: no matching distribution"):
        workers.install("vela")
    assert workers.missing("vela").startswith("the environment of vela is half made: ")
    assert workers.broken("vela")
    (workers.folder() / "vela" / "left over").touch()
    pip.fails = False
    place = workers.install("vela")
    assert workers.missing("vela") == ""
    assert not (place / "left over").exists()
    assert set(workers.ENVIRONMENTS["vela"].wants) <= set(pip.asked[-1])
    many = len(pip.asked)
    assert workers.install("vela") == place
    assert len(pip.asked) == many
    monkeypatch.setattr(workers.platform, "python_version", lambda: "3.99.0")
    assert workers.missing("vela").startswith("the environment of vela is of another version: ")


def test_versions_are_pinned_and_no_server_is_named():
    for environment in workers.ENVIRONMENTS.values():
        assert all(want.count("==") == 1 and "/" not in want for want in environment.wants)
        assert environment.why


def test_no_room_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    pip = Pip(monkeypatch)
    monkeypatch.setattr(workers.shutil, "disk_usage", lambda path: SimpleNamespace(free=3e9))
    with pytest.raises(Failure, match=r"litert takes 7 GB, and .* has 3\.0 GB free"):
        workers.install("litert")
    assert not pip.asked


def test_the_program_lists_and_installs(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    Pip(monkeypatch)
    program = CliRunner()
    listed = json.loads(program.invoke(runtimes, ["list", "--json"]).stdout)["runtimes"]
    known = {one["name"]: one for one in listed}
    assert known["vela"]["missing"].endswith("autocompress runtimes install vela")
    assert known["onnxruntime"]["version"].startswith("onnxruntime ")
    done = program.invoke(runtimes, ["install", "vela"])
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "environments" / "vela"))
    assert "ok   vela" in program.invoke(runtimes, ["list"]).stdout
    wrong = program.invoke(runtimes, ["install", "vella"])
    assert wrong.exit_code == 2
    assert "there are litert, vela" in wrong.output


def test_a_converter_that_is_not_there_is_a_failure_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    with pytest.raises(Failure, match="autocompress runtimes install litert") as caught:
        Litert().lower(fresh(SMALL).net, (1, 8, 8), tmp_path / "model.tflite")
    assert caught.value.code == "export"
    monkeypatch.setattr(Executorch, "module", "nowhere.at_all")
    with pytest.raises(Failure, match=r"nowhere is not installed: pip install 'autocompress\[executorch\]'"):
        Executorch().lower(fresh(SMALL).net, (1, 8, 8), tmp_path / "model.pte")


def test_a_reference_file_with_a_pickle_in_it_is_not_opened(tmp_path):
    file = tmp_path / "model.pt2"
    with _pt2.quietly():
        torch.export.save(torch.export.export(fresh(SMALL).net, (torch.zeros(2, 1, 8, 8),)), file)
    with pytest.raises(ValueError, match=r"sample_inputs/model\.pt in it may be a pickle"):
        Torch().open(file)
    Torch().lower(fresh(SMALL).net, (1, 8, 8), file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("archive/data/aotinductor/model/code.so", b"\x7fELF")
    with pytest.raises(ValueError, match=r"code\.so in it may be a pickle or compiled code"):
        Torch().open(file)


def test_the_reference_leaves_the_threads_of_a_training_alone(tmp_path):
    Torch().lower(fresh(SMALL).net, (1, 8, 8), tmp_path / "model.pt2")
    session = Torch(threads=2).open(tmp_path / "model.pt2")
    before = torch.get_num_threads()
    session(np.zeros((1, 1, 8, 8), np.float32))
    assert torch.get_num_threads() == before


SUMMARY = {
    "sram_memory_used": "2.5",
    "dram_memory_used": "0.0",
    "on_chip_flash_memory_used": "0.0",
    "off_chip_flash_memory_used": "1.5",
    "cycles_total": "4526",
    "inference_time": "9.052e-06",
    "core_clock": "500000000.0",
}


def test_an_estimate_is_read_from_the_compilers_summary(tmp_path, monkeypatch):
    asked = []

    def ask(name, question):
        asked.append((name, question["arguments"]))
        folder = Path(question["arguments"][question["arguments"].index("--output-dir") + 1])
        with (folder / "model_summary_X.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, SUMMARY)
            table.writeheader()
            table.writerow(SUMMARY)
        return {"version": "5.2.0", "cpu_operators": 3}

    monkeypatch.setattr(workers, "ask", ask)
    found = vela(tmp_path / "model.tflite", "ethos-u65-256", memory="Sram_Only")
    assert (found.sram, found.flash, found.cycles, found.seconds) == (2560, 1536, 4526, 9.052e-6)
    assert (found.left, found.version) == (3, "vela 5.2.0")
    name, arguments = asked[0]
    assert name == "vela"
    assert arguments[0] == str(tmp_path / "model.tflite")
    assert arguments[-4:] == ["--system-config", "Ethos_U65_High_End", "--memory-mode", "Sram_Only"]
    monkeypatch.setitem(SUMMARY, "cycles_total", "0")
    with pytest.raises(Failure, match=r"nothing in model\.tflite runs on ethos-u55-128"):
        vela(tmp_path / "model.tflite")
    with pytest.raises(ValueError, match="no accelerator is called 'ethos-u99-1'"):
        vela(tmp_path / "model.tflite", "ethos-u99-1")
