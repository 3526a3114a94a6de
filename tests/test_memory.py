"""Memory at its peak: of the file and not of the program around it; words where a system cannot say."""

import json
import subprocess
import sys

import numpy as np
import pytest
from matrices import chain

from autocompress.errors import Failure
from autocompress.measure import memory, scale
from autocompress.measure.empty import empty
from autocompress.measure.memory import flash, peak_ram
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.values.device import Protocol

RUNTIME, INPUTS = {"use": "onnxruntime", "threads": 1}, (1, 8, 8)
MB = 1_000_000


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    sizes = {"small": (64, 10), "wide": (2000, 2000, 10), "nothing": ()}
    return tuple(chain(folder / f"{name}.onnx", INPUTS, *widths) for name, widths in sizes.items())


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_a_large_file_takes_more_than_itself_and_a_small_one_little(files):
    small, wide, nothing = files
    few, many = (peak_ram(file, nothing, RUNTIME, INPUTS, Protocol()) for file in (small, wide))
    size = wide.stat().st_size
    assert size > 16 * MB
    assert size < many.value < 5 * size
    assert few.value < 4 * MB  # Python, numpy and the runtime would be 60
    assert few.spread is not None
    assert (many.metric, many.how, many.n) == ("peak_ram", "measured", 3)
    assert many.on.startswith("wide.onnx, onnxruntime ")
    assert many.note == "resident memory beside the runtime's own"


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_where_the_peak_cannot_be_reset_the_number_says_so(files, monkeypatch):
    """The child is told another place to write to."""
    code = (
        "import json, sys; from pathlib import Path; from autocompress.measure import scale;"
        "scale.REFS = Path('/nowhere/clear_refs'); print(json.dumps(scale.weighed(json.load(sys.stdin))))"
    )

    def ask(module, question, about, timeout, threads):
        assert module == "scale"
        done = subprocess.run([sys.executable, "-c", code], input=json.dumps(question), capture_output=True, text=True)
        return json.loads(done.stdout)

    monkeypatch.setattr(memory, "ask", ask)
    _, wide, nothing = files
    m = peak_ram(wide, nothing, RUNTIME, INPUTS, Protocol())
    assert m.value > wide.stat().st_size
    assert "a lower bound: the peak could not be reset here" in m.note


def test_a_system_without_proc_is_a_failure_in_words(files, monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    with pytest.raises(Failure, match="peak_ram is measured on Linux, by what /proc says; this is darwin") as caught:
        peak_ram(*files[:2], RUNTIME, INPUTS, Protocol())
    assert caught.value.code == "measure"


def test_a_file_that_is_none_is_a_failure(files, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(Failure, match=r"peak_ram of .*bad\.onnx: "):
        peak_ram(tmp_path / "bad.onnx", files[2], RUNTIME, INPUTS, Protocol())


def test_an_empty_model_is_written_once_and_answers_with_a_pixel(tmp_path):
    runtime = make(Runtime, RUNTIME)
    file = empty(runtime, INPUTS, tmp_path)
    before = file.stat().st_mtime_ns
    assert empty(runtime, INPUTS, tmp_path).stat().st_mtime_ns == before
    x = np.arange(64, dtype=np.float32).reshape(1, *INPUTS)
    assert runtime.open(file)(x).tolist() == [[0.0]]


def test_the_scale_runs_without_torch():
    code = "import sys, autocompress.measure.scale; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    assert scale.CALLS >= 2


def test_flash_is_what_is_stored_and_what_runs_it():
    m = flash(98_496, 36 * 1024, "model.tflite")
    assert m.value == 98_496 + 36 * 1024
    assert (m.metric, m.how, m.on) == ("flash", "counted", "model.tflite")
    assert m.note == "36.00 KiB of it are the runtime's code"
