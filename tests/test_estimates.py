"""The formulas of the estimators, number by number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from graphs import chain

from autocompress.errors import Failure
from autocompress.measure.estimators import vela as plugin
from autocompress.measure.estimators._alone import alone
from autocompress.measure.estimators._layer import Layer, layers
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.estimators.convolutions import Convolutions, Point
from autocompress.measure.estimators.layer_table import completed, missing, read, resembling, write
from autocompress.measure.graph import Graph, Operation
from autocompress.measure.graph_of_file import read as read_graph
from autocompress.measure.vela import Estimate
from autocompress.plugin import make

ERROR = {"p90": "20 %"}
CYCLES = {"conv2d": 2.0, "pointwise": 3.0, "depthwise": 4.0, "linear": 5.0}


def of(kind, macs, bits=8, cin=8, cout=8, groups=1) -> Graph:
    one = Operation(kind, "o", ("a",), ("b",), (1, cin, 4, 4), (1, cout, 4, 4), macs=macs, groups=groups, bits=bits)
    return Graph((one,), chain(8, 8).tensors, ("a",), ("b",))


def estimator(**settings) -> Estimator:
    return make(Estimator, {"error": ERROR, **settings})


@pytest.mark.parametrize(
    ("kind", "cycles"), [("conv2d", 2), ("pointwise", 3), ("depthwise_conv2d", 4), ("linear", 5), ("matmul", 5)]
)
def test_op_cycles_has_a_pace_for_each_kind(kind, cycles):
    plug = estimator(use="op_cycles", cycles_per_mac=CYCLES, per_op="4 us", fixed="1 ms")
    assert plug.estimate(of(kind, 1000), Board(1e6), {}) == pytest.approx(1000 * cycles / 1e6 + 4e-6 + 1e-3)


def test_op_cycles_speaks_of_one_width_of_numbers():
    for dtype, bits in (("int8", 32), ("float32", 8)):
        plug = estimator(use="op_cycles", cycles_per_mac=CYCLES, dtype=dtype)
        with pytest.raises(Failure, match=r"1000 .*MACs are done in"):
            plug.estimate(of("conv2d", 1000, bits), Board(1e6), {})


def test_channels_fill_vectors():
    """3 channels take as long as 4; a depthwise filter has one channel, of which there is nothing to fill."""
    first = Layer("conv2d", 3, 8, 4, 4, 3, 3)
    assert (first.macs, first.padded(4), first.padded(16)) == (3456, 4608, 36864)
    deep = Layer("depthwise", 6, 6, 4, 4, 3, 3, groups=6)
    assert (deep.macs, deep.padded(4)) == (864, 1152)
    one = Layer("conv2d", 1, 8, 4, 4, 3, 3)
    assert one.padded(4) == 4 * one.macs
    wide = estimator(use="macs", cycles_per_mac=1, round_to=4).estimate(chain(3, 8), Board(1.0), {})
    assert wide == 9 * 4 * 8 * 64


def test_roofline_takes_the_larger_of_arithmetic_and_memory():
    graph = chain(8, 8)
    [operation] = graph.operations
    moved = 2 * 8 * 64 + 9 * 64 + 4 * 8
    assert graph.moved(operation) == moved
    slow_memory = estimator(use="roofline", macs_per_second={"int8": "1 G"}, bandwidth="1 kB/s", per_op="1 s")
    slow_arithmetic = estimator(use="roofline", macs_per_second={"int8": "1 k"}, bandwidth="1 GB/s")
    assert slow_memory.estimate(graph, Board(), {}) == pytest.approx(moved / 1e3 + 1)
    assert slow_arithmetic.estimate(graph, Board(), {}) == pytest.approx(graph.macs / 1e3)
    with pytest.raises(Failure, match="float32"):
        slow_memory.estimate(chain(8, 8, bits=32), Board(), {})


def test_energy_is_power_times_latency():
    plug = estimator(use="power_times_latency", power="20 mW")
    assert plug.estimate(chain(8, 8), Board(), {"latency": 0.1}) == pytest.approx(2e-3)


def test_greedy_arena_adds_what_the_runtime_keeps():
    kept = {"per_op": "100 B", "per_weighted": "50 B", "per_channel": "8 B", "fixed": "1 KiB"}
    plug = estimator(use="greedy_arena", scale=2, **kept)
    graph = chain(8, 8, 8)  # two maps of 512 B at a time
    assert plug.estimate(graph, Board(), {}) == 2 * 1024 + 2 * 150 + 16 * 8 + 1024


def test_a_table_knows_exact_shapes_only(tmp_path):
    file, graph = tmp_path / "t.csv", chain(3, 8, 16)
    first, second = layers(graph)
    write(file, {first: 2e-6, second: 3e-6})
    plug = estimator(use="layer_table", table=str(file), a=2, b_per_op="1 us")
    assert plug.estimate(graph, Board(), {}) == pytest.approx(2 * 5e-6 - 2e-6)
    assert not plug.ranks_only
    with pytest.raises(Failure, match=r"1 of 2 layers are not in t\.csv, such as .*cout=12"):
        plug.estimate(chain(3, 8, 12), Board(), {})
    guessing = estimator(use="layer_table", table=str(file), nearest=1)
    assert guessing.ranks_only
    assert guessing.estimate(chain(3, 8, 12), Board(), {}) == pytest.approx(2e-6 + 3e-6 * 12 / 16)


def test_a_table_that_grows_is_read_again(tmp_path):
    file, graph = tmp_path / "t.csv", chain(3, 8)
    plug = estimator(use="layer_table", table=str(file))
    with pytest.raises(Failure, match="there is no table"):
        plug.estimate(graph, Board(), {})
    write(file, {layers(graph)[0]: 1e-6})
    assert plug.estimate(graph, Board(), {}) == 1e-6
    assert read(file, 1) == {layers(graph)[0]: 1e-6}
    file.write_text("op,seconds\nconv2d,1\n")
    with pytest.raises(Failure, match="is no table of layers"):
        read(file, 2)


def test_neighbours_are_of_the_same_kind_and_width():
    table = {Layer("conv2d", 8, 8, 4, 4, 3, 3, bits=8): 1.0, Layer("conv2d", 8, 8, 4, 4, 3, 3, bits=32): 5.0}
    asked = Layer("conv2d", 8, 16, 4, 4, 3, 3, bits=32)
    assert resembling(asked, table, 3) == 10.0
    with pytest.raises(Failure, match="no linear in 8 bits"):
        resembling(Layer("linear", 8, 8, 1, 1, bits=8), table, 1)


ALONE = [
    Layer("conv2d", 3, 8, 4, 4, 3, 3, 2, 1, "relu", 32),
    Layer("conv2d", 3, 8, 4, 4, 3, 3, 1, 1, "", 8),
    Layer("pointwise", 8, 6, 4, 4, activation="relu6", bits=8),
    Layer("depthwise", 8, 8, 4, 4, 5, 5, 2, 8, "relu6", 32),
    Layer("linear", 8, 10, 1, 1),
    Layer("linear", 8, 10, 1, 1, bits=8),
    Layer("add", 8, 8, 4, 4, bits=8),
    Layer("max_pool2d", 8, 8, 4, 4, 2, 2, 2),
    Layer("hard_swish", 8, 8, 4, 4),
]


@pytest.mark.parametrize("layer", ALONE, ids=lambda each: f"{each.op}-{each.bits}")
def test_a_layer_alone_is_that_layer_and_runs(layer, tmp_path):
    file = tmp_path / "alone.onnx"
    alone(layer, file)
    assert layers(read_graph(file)) == [layer]
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    given = {i.name: np.ones(i.shape, np.float32) for i in session.get_inputs()}
    assert np.isfinite(session.run(None, given)[0]).all()


def test_a_table_is_completed_with_what_is_missing(tmp_path):
    before = dict.fromkeys(layers(chain(3, 8)), 1.0)
    asked = layers(chain(3, 8, 12, 12))
    sizes = []

    def timed(file):
        sizes.append(file.stat().st_size)
        return 2.0

    table = completed(before, [*asked, *asked], timed, tmp_path)
    assert missing(asked, table) == []
    assert sorted(table.values()) == [1.0, 2.0, 2.0]
    assert len(sizes) == 2


def truth(graph: Graph) -> float:
    """A machine with vectors of 16, slow where they are not filled."""
    slow = {True: 1.0, False: 2.5}
    return sum(1e-10 * each.padded(16) * slow[each.cin % 16 == 0] + 2e-6 for each in layers(graph))


def some(many: int, seed: int) -> list[Graph]:
    chance = np.random.default_rng(seed)
    widths = [[3, *(int(w) for w in chance.choice([8, 16, 20, 24, 32, 48], 4))] for _ in range(many)]
    return [chain(*each, side=int(chance.choice([8, 16]))) for each in widths]


def points(many: int, seed: int) -> tuple[Point, ...]:
    return tuple(Point(tuple(layers(graph)), truth(graph)) for graph in some(many, seed))


def test_convolutions_learn_from_sums_what_macs_cannot_tell():
    plug = Convolutions.learned(points(25, 0))
    unseen = some(25, 1)
    off = [abs(plug.estimate(graph, Board(), {}) / truth(graph) - 1) for graph in unseen]
    pace = np.median([truth(graph) / graph.macs for graph in some(25, 0)])
    by_macs = [abs(graph.macs * pace / truth(graph) - 1) for graph in unseen]
    assert np.mean(off) < 0.08 < 0.2 < np.mean(by_macs)
    assert plug.ranks_only
    assert 0.5 * plug.error.p50 < np.median(off) < 2 * plug.error.p50
    assert plug.error.p50 < plug.error.p90 < 0.3


def test_convolutions_want_a_few_points():
    with pytest.raises(ValueError, match="4 measured networks at least, got 1"):
        Convolutions.learned(points(1, 0))


def test_convolutions_are_in_doubt_of_what_resembles_nothing_they_know():
    plug = Convolutions.learned(points(25, 0))
    known = plug.told(layers(some(1, 1)[0]))
    assert known.spread >= known.seconds * plug.error.p90 / 1.645
    asked = [Layer("depthwise", 64, 64, 32, 32, 5, 5, groups=64, bits=8) for _ in range(8)]
    strange = plug.told(asked)
    assert strange.spread > 0.3 * strange.seconds
    assert known.spread < 0.1 * known.seconds


def test_a_matrix_has_its_channels_last_in_whatever_shape_they_come():
    for shape in ((7, 6), (1, 7, 6), (7, 1, 6), (1, 1, 7, 6)):
        one = Operation("linear", "o", ("a",), ("b",), shape, (*shape[:-1], 4), macs=7 * 6 * 4)
        [found] = layers(Graph((one,), chain(8, 8).tensors, ("a",), ("b",)))
        assert (found.cin, found.cout, found.high, found.macs) == (6, 4, 7, one.macs)


def test_vela_tells_the_cycles_of_a_file_at_the_clock_of_the_device(monkeypatch):
    asked = []

    def ask(*given):
        asked.append(given)
        return Estimate(0.0, 0.0, 0.0, 4e6, 8e-3, 500e6, 3 if given[0].stem == "mixed" else 0, "vela 5.2.0")

    monkeypatch.setattr(plugin, "vela", ask)
    plug = estimator(use="vela", accelerator="ethos-u55-256", memory="Sram_Only")
    graph = replace(chain(3, 8), source=Path("model.tflite"))
    assert plug.estimate(graph, Board(400e6), {}) == 1e-2
    assert plug.estimate(graph, Board(), {}) == 8e-3  # of the compiler's own system
    assert asked[0] == (Path("model.tflite"), "ethos-u55-256", None, "Sram_Only")
    with pytest.raises(Failure, match="vela leaves 3 operations to the CPU, and does not say how long they take there"):
        plug.estimate(replace(graph, source=Path("mixed.tflite")), Board(), {})
    for other in (replace(graph, source=Path("model.onnx")), graph.in_bits(8)):
        with pytest.raises(Failure, match=r"vela is asked about a \.tflite file of integers, and this is none"):
            plug.estimate(other, Board(), {})
    with pytest.raises(ValueError, match="ethos-u55-256"):
        estimator(use="vela", accelerator="ethos-u99-1")


def test_vela_that_is_not_installed_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    plug = estimator(use="vela", accelerator="ethos-u55-256")
    text = "the environment of vela is not installed: autocompress runtimes install vela"
    assert plug.missing == text
    with pytest.raises(Failure, match=text):
        plug.estimate(replace(chain(3, 8), source=tmp_path / "model.tflite"), Board(), {})
