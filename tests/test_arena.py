"""The plan of memory: no two that live together overlap, and it is the plan that runtimes make."""

from dataclasses import replace
from types import MappingProxyType
from typing import get_args

import pytest
from graphs import chain, resnet8, visual_wake_words
from hypothesis import given, settings
from hypothesis import strategies as st

from autocompress.measure import arena
from autocompress.measure.arena import Buffer, Planner, buffers, height, most_alive, place
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.graph import Graph, Operation, Tensor
from autocompress.plugin import make

KIB = 1024


@st.composite
def many_buffers(draw):
    spans = draw(
        st.lists(st.tuples(st.integers(1, 60), st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=14)
    )
    return [Buffer(f"b{i}", 16 * size, first, first + more) for i, (size, first, more) in enumerate(spans)]


@given(many_buffers(), st.randoms(), st.sampled_from(get_args(Planner)))
@settings(max_examples=200, deadline=None)
def test_a_plan_holds(found, random, planner):
    places = place(found, planner)
    for i, one in enumerate(found):
        assert places[one.name] % 16 == 0
        for other in found[i + 1 :]:
            apart = (
                places[one.name] + one.size <= places[other.name] or places[other.name] + other.size <= places[one.name]
            )
            assert apart or not one.meets(other)
    assert most_alive(found) <= height(found, planner) <= sum(b.size for b in found)
    random.shuffle(found)
    assert place(found, planner) == places


@st.composite
def graphs(draw):
    """Each operation reads one or two of what is there."""
    tensors = {"t0": Tensor((1, 4, 4, 4), 8)}
    operations = []
    for step in range(draw(st.integers(1, 10))):
        reads = draw(st.lists(st.sampled_from(sorted(tensors)), min_size=1, max_size=2, unique=True))
        name = f"t{step + 1}"
        tensors[name] = Tensor((1, draw(st.integers(1, 40)), 4, 4), 8)
        kind = draw(st.sampled_from(["add", "conv2d", "relu"]))
        shapes = (tensors[reads[0]].shape, tensors[name].shape)
        operations.append(Operation(kind, f"o{step}", tuple(reads), (name,), *shapes))
    return Graph(tuple(operations), MappingProxyType(tensors), ("t0",), (name,))


@given(graphs())
@settings(max_examples=200, deadline=None)
def test_tensors_live_from_writer_to_last_reader(graph):
    found = {b.name: b for b in buffers(graph)}
    for step, operation in enumerate(graph.operations):
        assert found[operation.writes[0]].first == step
        assert all(found[name].last >= step for name in operation.reads)
    assert found[graph.outputs[0]].last == len(graph.operations) - 1
    kept = buffers(graph, input_kept=True)
    assert next(b for b in kept if b.name == "t0").last == len(graph.operations) - 1
    assert most_alive(kept) >= most_alive(found.values())
    shared = buffers(graph, in_place=("add", "relu"))
    assert most_alive(shared) <= most_alive(found.values())
    assert len(shared) <= len(found)


# What MLPerf Tiny's own .tflite files need, as measured on them: most alive, greedy plan, arena of TensorFlow Lite
# Micro. Theirs have two operations more than these graphs, a reshape and a softmax.


def tflm(graph: Graph) -> float:
    settings = {"per_op": "176 B", "per_weighted": "66 B", "per_channel": "8 B", "fixed": f"{850 + 2 * 176} B"}
    plug = make(Estimator, {"use": "greedy_arena", **settings, "error": {"p90": "2 %"}})
    return plug.estimate(graph, Board(), {})


@pytest.mark.parametrize(
    ("graph", "alive", "plan", "real"),
    [
        (resnet8(16), 48.0, 48.0, 54.7),
        (resnet8(40), 120.0, 120.0, 130.6),
        (visual_wake_words(), 54.0, 72.0, 101.2),
    ],
    ids=["image classification", "the large one", "visual wake words"],
)
def test_mlperf_tiny(graph, alive, plan, real):
    found = buffers(graph)
    assert most_alive(found) / KIB == alive
    assert height(found) / KIB == plan
    assert tflm(graph) / KIB == pytest.approx(real, rel=0.01)


def test_scaling_a_map_in_place_saves_a_map():
    """Squeeze and excitation: where the map itself is not read again, one is enough."""
    tensors = {"a": Tensor((1, 8, 8, 8), 8), "b": Tensor((1, 8, 1, 1), 8), "c": Tensor((1, 8, 8, 8), 8)}
    pool, scale = Operation("global_avg_pool", "p", ("a",), ("b",)), Operation("mul", "m", ("b", "a"), ("c",))
    graph = Graph((pool, scale), MappingProxyType(tensors), ("a",), ("c",))
    assert height(buffers(graph)) == 2 * 512 + 16
    assert height(buffers(graph, in_place=("mul",))) == 512 + 16
    assert height(buffers(graph, in_place=("add",))) == 2 * 512 + 16


def test_adding_in_place_does_not_help_residual_blocks():
    """The second convolution of a block has three maps alive: what it reads, what it writes, and what goes around."""
    assert height(buffers(resnet8(16), in_place=("add",))) == 48 * KIB


def test_depthwise_in_place_needs_one_more_channel():
    """N + 1 planes, where two copies would need 2 N."""
    graph = chain(8, 8)
    operation = replace(graph.operations[0], kind="depthwise_conv2d", groups=8)
    graph = replace(graph, operations=(operation,))
    assert height(buffers(graph)) == 2 * 8 * 64
    assert height(buffers(graph, in_place=("depthwise_conv2d",))) == 9 * 64


def test_nobody_writes_over_what_is_read_again():
    tensors = {name: Tensor((1, 4, 4, 4), 8) for name in "abc"}
    relu = Operation("relu", "relu", ("a",), ("b",))
    add = Operation("add", "add", ("a", "b"), ("c",))
    graph = Graph((relu, add), MappingProxyType(tensors), ("a",), ("c",))
    found = {b.name: b for b in buffers(graph, in_place=("relu", "add"))}
    assert set(found) == {"a", "b"}  # the sum may lie where one of the two was
    assert height(found.values()) == 128


def test_symmetric_zeros_before_a_stride_of_two_are_an_operation():
    """TensorFlow's SAME puts the only line of zeros at the far end."""
    conv = chain(8, 8).operations[0]
    halved = replace(conv, stride=(2, 2), shape_out=(1, 8, 4, 4))
    graph = replace(chain(8, 8), operations=(halved,))
    pad, after = arena.padded(graph).operations
    assert (pad.kind, pad.shape_out, after.reads, after.pads) == ("pad", (1, 8, 10, 10), pad.writes, (0, 0, 0, 0))
    assert arena.padded(graph).tensors[pad.writes[0]].bytes == 800
    tensorflow = replace(graph, operations=(replace(halved, pads=(0, 0, 1, 1)),))
    for same in (chain(8, 8), tensorflow):
        assert arena.padded(same).operations == same.operations


def test_scratch_of_kernels_lives_with_them():
    """Two columns of 3 x 3 x 10 in 16 bits, filled up to fours; four of 16 in 8 bits for Helium."""
    graph = chain(10, 8, 8)
    sizes = {
        kind: [b.size for b in buffers(graph, scratch=kind) if b.name.startswith("scratch")]
        for kind in ("none", "cmsis-dsp", "cmsis-mve")
    }
    assert sizes == {"none": [], "cmsis-dsp": [368, 288], "cmsis-mve": [4 * 16 * 6, 4 * 16 * 5]}
    [first, _] = [b for b in buffers(graph, scratch="cmsis-dsp") if b.name.startswith("scratch")]
    assert (first.first, first.last) == (0, 0)
