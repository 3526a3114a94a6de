"""Timing: fresh processes, files in turns, undisturbed calls; a failure with a code where no number can be had."""

import itertools
import statistics

import pytest
from matrices import chain

from autocompress.errors import Failure
from autocompress.measure import latency as timing
from autocompress.measure import stopwatch
from autocompress.measure.latency import Duel, beats, latency, race
from autocompress.measure.runtimes.base import Runtime
from autocompress.measure.throughput import by_batch, throughput
from autocompress.plugin import make
from autocompress.values.device import Protocol
from autocompress.values.measurement import Measurement

QUICK = Protocol(processes=2, runs=4, warmup=1)
RUNTIME = {"use": "onnxruntime", "threads": 1}
INPUTS = (1, 8, 8)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return chain(folder / "small.onnx", INPUTS, 10), chain(folder / "large.onnx", INPUTS, 300, 10)


# --- with fresh processes


def test_measurements_say_where_they_come_from(files, monkeypatch, tmp_path):
    (tmp_path / "onnxruntime").mkdir()  # a folder of that name must not be what gets imported
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    nothing = chain(tmp_path / "empty.onnx", INPUTS)
    found = {m.metric: m for m in latency(*files, RUNTIME, INPUTS, QUICK, empty=nothing)}
    assert list(found) == ["latency_p50", "latency_p95", "latency_p99", "latency_mean"]
    p50 = found["latency_p50"]
    assert 0 < p50.value <= found["latency_p95"].value <= found["latency_p99"].value < 1
    assert p50.how == "measured"
    assert p50.n >= 8
    assert p50.spread is not None
    assert p50.on.startswith("small.onnx, onnxruntime ")
    assert "1 thread, batch 1, " in p50.on
    assert p50.note.startswith("CPU time; contention ")
    assert "x large.onnx; " in p50.note
    assert "of it is what calling an empty model takes" in p50.note


def test_a_file_that_is_none_is_a_failure(files, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(Failure, match=r"latency of .*bad\.onnx: ") as caught:
        latency(tmp_path / "bad.onnx", files[1], RUNTIME, INPUTS, QUICK)
    assert caught.value.code == "measure"


def test_no_answer_in_time_is_a_failure(files):
    with pytest.raises(Failure, match=r"no answer after 0\.01 s") as caught:
        latency(*files, RUNTIME, INPUTS, QUICK, timeout=0.01)
    assert caught.value.code == "measure"


# --- what is made of the answers


def answered(monkeypatch, *answers):
    """Processes that answer so, one after the other; gives the questions back."""
    questions, rest = [], itertools.cycle(answers)

    def ask(module, question, about, timeout, threads):
        assert module == "stopwatch"
        questions.append((question, threads))
        return {"calls": [7, 7], "contention": 1.0, "empty": None, **next(rest)}

    monkeypatch.setattr(timing, "ask", ask)
    return questions


def test_the_median_process_speaks_and_a_ratio_is_taken_in_each(files, monkeypatch):
    """All processes saw the one take twice as long as the other, at whatever pace."""
    paces = (1.0, 1.1, 5.0)
    answered(monkeypatch, *({"times": [[2 * p, 2 * p, 4 * p], [p]]} for p in paces))
    found = race(files, RUNTIME, INPUTS, Protocol(processes=3))
    p50, _, _, mean = found.latency()
    assert p50.value == 2.2
    assert mean.value == pytest.approx(1.1 * 8 / 3)
    assert p50.n == 9
    assert p50.spread == pytest.approx(1.25 * 2 * statistics.stdev(paces) / 3**0.5)
    assert found.duel(0, 1) == (2.0, 0.0)
    assert found.duel(0, 1).lost
    assert p50.note == "CPU time; contention 1.00; 2.000 ± 0.000 x large.onnx; runs of 7 calls"


def test_one_process_has_no_spread(files, monkeypatch):
    answered(monkeypatch, {"times": [[1.0], [1.0]]})
    assert race(files, RUNTIME, INPUTS, Protocol(processes=1)).latency()[0].spread is None


def test_a_file_and_its_twin_are_timed_beside_each_other(files, monkeypatch):
    asked = answered(monkeypatch, {"times": [[1.2], [1.0]]}, {"times": [[1.4], [1.0]]})
    duel = beats(*files, RUNTIME, INPUTS, QUICK)
    assert duel.ratio == pytest.approx(1.3)
    assert duel.lost
    assert str(duel) == "1.300 ± 0.100"
    assert asked[0][0]["files"] == [str(file) for file in files]


@pytest.mark.parametrize(
    ("ratio", "spread", "lost"), [(0.9, 0.01, False), (1.1, 0.02, True), (1.1, 0.06, False), (1.1, None, True)]
)
def test_a_duel_is_lost_beyond_chance(ratio, spread, lost):
    assert Duel(ratio, spread).lost is lost


@pytest.mark.parametrize(("share", "said"), [(0.04, ""), (0.5, "50% of it is what calling an empty model takes")])
def test_an_empty_call_is_worth_saying_from_five_per_cent(files, monkeypatch, share, said):
    answered(monkeypatch, {"times": [[1.0], [1.0]], "empty": share})
    note = race(files, RUNTIME, INPUTS, QUICK, empty=files[0]).latency()[0].note
    assert ("empty model" in note) is bool(said)
    assert said in note


def test_several_threads_are_timed_by_the_wall_of_a_quiet_machine(files, monkeypatch):
    asked = answered(monkeypatch, {"times": [[1.0], [1.0]], "contention": 1.04})
    p50 = latency(*files, {**RUNTIME, "threads": 2}, INPUTS, QUICK)[0]
    assert p50.note.startswith("wall time; contention 1.04; ")
    assert "2 threads, batch 1" in p50.on
    assert [(q["clock"], threads) for q, threads in asked] == [("wall", 2), ("wall", 2)]


def test_several_threads_on_a_busy_machine_are_refused(files, monkeypatch):
    asked = answered(monkeypatch, {"times": [[1.0], [1.0]], "contention": 1.7})
    text = r"the machine is busy, contention 1\.70 with 2 threads .*give it nothing else to do, or .* threads: 1"
    with pytest.raises(Failure, match=text) as caught:
        latency(*files, {**RUNTIME, "threads": 2}, INPUTS, QUICK)
    assert caught.value.code == "measure"
    assert len(asked) == 3


def test_a_moment_of_others_is_asked_again(files, monkeypatch):
    calm, busy = {"times": [[1.0], [1.0]]}, {"times": [[9.0], [1.0]], "contention": 1.7}
    asked = answered(monkeypatch, calm, busy, calm)
    assert latency(*files, {**RUNTIME, "threads": 2}, INPUTS, QUICK)[0].value == 1.0
    assert len(asked) == 3


def test_one_thread_is_measured_on_any_machine(files, monkeypatch):
    answered(monkeypatch, {"times": [[1.0], [1.0]], "contention": 20.0})
    assert "contention 20.00" in latency(*files, RUNTIME, INPUTS, QUICK)[0].note


def test_a_runtime_on_a_gpu_names_its_clock(files, monkeypatch):
    monkeypatch.setattr(type(make(Runtime, RUNTIME)), "clock", "events", raising=False)
    asked = answered(monkeypatch, {"times": [[1.0], [1.0]], "contention": 2.0})
    assert latency(*files, RUNTIME, INPUTS, QUICK)[0].note.startswith("time of the GPU; ")
    assert asked[0][0]["clock"] == "events"


def test_throughput_is_what_a_long_queue_sees():
    times = (
        Measurement(metric="latency_p50", value=0.009, how="measured"),
        Measurement(metric="latency_mean", value=0.01, how="measured", spread=0.001, n=100, on="here", note="busy"),
    )
    m = throughput(times, batch=8)
    assert (m.metric, m.value, m.spread) == ("throughput", pytest.approx(800), pytest.approx(80))
    assert (m.n, m.on, m.note) == (100, "here", "busy")


def test_throughput_by_batch_asks_for_each(files, monkeypatch):
    asked = answered(monkeypatch, {"times": [[0.01]]}, {"times": [[0.01]]}, {"times": [[0.02]]}, {"times": [[0.02]]})
    found = by_batch(files[0], RUNTIME, INPUTS, QUICK, (1, 8))
    assert {batch: m.value for batch, m in found.items()} == {1: pytest.approx(100), 8: pytest.approx(400)}
    assert [q["shape"] for q, _ in asked] == [[1, *INPUTS]] * 2 + [[8, *INPUTS]] * 2
    assert "batch 8" in found[8].on


# --- the stopwatch itself, with clocks that are passed in


class World:
    """CPU and wall seconds, a model `a` that takes 110 µs and a model `b` of 300; and others who want the machine."""

    def __init__(self, away=lambda cpu: 0.0):
        self.cpu = self.wall = 0.0
        self.away, self.order, self.threads = away, [], 1

    def open(self, path):
        def run(x):
            self.order.append(path.name)
            seconds = {"a": 1.1e-4, "b": 3e-4, "empty": 4e-6}[path.name]
            gone = self.away(self.cpu)
            self.cpu += seconds * (1.5 if gone else 1.0)  # what others left behind has to be cleared away
            self.wall += seconds + gone
            return x

        return run

    def timed(self, monkeypatch, **changes):
        monkeypatch.setattr(stopwatch, "make", lambda kind, settings: self)
        monkeypatch.setattr(stopwatch.time, "process_time", lambda: self.cpu)
        monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: self.wall)
        question = {"runtime": "", "clock": "cpu", "files": ["a", "b"], "shape": [1, 2], "warmup": 0, "runs": 4}
        return stopwatch.timed({**question, **changes})


def test_turns_alternate_settle_and_are_long_enough(monkeypatch):
    world = World()
    answer = world.timed(monkeypatch, empty="empty")
    assert answer["calls"] == [9, 3]
    assert answer["times"][0] == pytest.approx([1.1e-4] * 36)
    assert answer["times"][1] == pytest.approx([3e-4] * 12)
    assert answer["contention"] == pytest.approx(1)
    assert answer["empty"] == pytest.approx(4e-6)
    turns = "".join(world.order).partition("empty")[0][-4 * (19 + 7) :]  # 10 and 4 calls to settle
    assert turns == ("a" * 19 + "b" * 7 + "b" * 7 + "a" * 19) * 2


def test_calls_after_others_were_there_do_not_count(monkeypatch):
    """Every 4 ms somebody takes the core for 3 ms; a call that sees it takes half as long again."""
    last = [0.0]

    def away(cpu):
        if cpu - last[0] < 4e-3:
            return 0.0
        last[0] = cpu
        return 3e-3

    answer = World(away).timed(monkeypatch, runs=20)
    assert max(answer["times"][0]) == pytest.approx(1.1e-4)
    assert answer["contention"] > 1.3


def test_where_somebody_is_always_there_all_calls_count(monkeypatch):
    answer = World(lambda cpu: 1e-3).timed(monkeypatch)
    assert answer["times"][1] == pytest.approx([4.5e-4] * len(answer["times"][1]))
    assert answer["contention"] > 4


def test_the_wall_is_watched_before_and_after(monkeypatch):
    seen = iter([1.0, 1.4])
    monkeypatch.setattr(stopwatch, "crowd", lambda threads: next(seen))
    assert World().timed(monkeypatch, clock="wall")["contention"] == 1.4


def test_a_spin_knows_a_crowd(monkeypatch):
    """Two threads that share one core's time see each other."""
    ticks = itertools.count()
    monkeypatch.setattr(stopwatch.time, "thread_time", lambda: next(ticks) * 1e-3)
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: 2 * next(ticks) * 1e-3)
    assert stopwatch.crowd(1) > 1.5


def test_the_gpu_is_timed_by_its_own_events(monkeypatch):
    """Without a GPU: torch's events as they behave."""
    import torch

    now = [0.0]

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.at = now[0]

        def synchronize(self):
            self.reached = True

        def elapsed_time(self, other):
            assert other.reached
            return (other.at - self.at) * 1e3

    monkeypatch.setattr(torch.cuda, "Event", Event)
    clock = stopwatch._clock("events")
    before = clock.mark()
    now[0] = 0.25
    assert clock.between(before, clock.mark()) == (pytest.approx(0.25), 0.0)
