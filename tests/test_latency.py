"""Timing: fresh processes, a reference beside it, and a failure with a code where no number can be had."""

import pytest
from hands import SMALL, fresh

from autocompress.errors import Failure
from autocompress.measure import stopwatch
from autocompress.measure.export import to_onnx
from autocompress.measure.latency import latency
from autocompress.values.device import Protocol

QUICK = Protocol(processes=2, runs=4, warmup=1)
RUNTIME = {"use": "onnxruntime", "threads": 1}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name, width in (("small", 4), ("large", 32)):
        model = fresh({**SMALL, "width": width})
        to_onnx(model.net, model.inputs, folder / f"{name}.onnx")
    return folder / "small.onnx", folder / "large.onnx"


def test_measurements_say_where_they_come_from(files, monkeypatch, tmp_path):
    (tmp_path / "onnxruntime").mkdir()  # a folder of that name must not be what gets imported
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    p50, p95 = latency(*files, RUNTIME, (1, 8, 8), QUICK)
    assert (p50.metric, p95.metric) == ("latency_p50", "latency_p95")
    assert 0 < p50.value <= p95.value < 1
    assert (p50.how, p50.n) == ("measured", 8)
    assert p50.spread is not None
    assert p50.on.startswith("small.onnx, onnxruntime ")
    assert "1 thread, batch 1, " in p50.on
    assert "contention " in p50.note
    assert "x reference large.onnx" in p50.note


def test_runs_alternate_and_short_ones_are_repeated(monkeypatch):
    """With a clock that is passed in, the stopwatch is exact."""
    now, order = [0.0], []

    class Pretend:
        def open(self, path):
            def run(x):
                order.append(path.name)
                now[0] += 1e-4 if path.name == "a" else 3e-4
                return x

            return run

    monkeypatch.setattr(stopwatch, "make", lambda kind, settings: Pretend())
    for clock in ("thread_time", "perf_counter"):
        monkeypatch.setattr(stopwatch.time, clock, lambda: now[0])
    question = {"runtime": "pretend", "files": ["a", "b"], "shape": [1, 1, 2, 2], "warmup": 0, "runs": 4}
    answer = stopwatch.timed(question)
    assert answer["calls"] == [10, 3]
    assert answer["times"][0] == pytest.approx([1e-4] * 4)
    assert answer["times"][1] == pytest.approx([3e-4] * 4)
    assert answer["cpu"] == pytest.approx(answer["wall"])
    runs = "".join(order)[-4 * 13 :]
    assert runs == ("a" * 10 + "b" * 3 + "b" * 3 + "a" * 10) * 2


def test_a_file_that_is_none_is_a_failure(files, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(Failure, match=r"latency of .*bad\.onnx: ") as caught:
        latency(tmp_path / "bad.onnx", files[1], RUNTIME, (1, 8, 8), QUICK)
    assert caught.value.code == "measure"


def test_no_answer_in_time_is_a_failure(files):
    with pytest.raises(Failure, match=r"no answer after 0\.01 s") as caught:
        latency(*files, RUNTIME, (1, 8, 8), QUICK, timeout=0.01)
    assert caught.value.code == "measure"


def test_more_than_one_thread_is_refused(files):
    with pytest.raises(ValueError, match="measured with 1 thread"):
        latency(*files, {"use": "onnxruntime", "threads": 2}, (1, 8, 8), QUICK)
