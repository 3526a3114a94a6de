"""Does a file fit? Against numbers that were measured on the boards, and rules that were broken on purpose."""

import platform
from pathlib import Path

import numpy as np
import pytest
import torch

from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.students.base import Student
from autocompress.config.load import load_device
from autocompress.errors import Failure
from autocompress.measure.graph_of_file import read
from autocompress.measure.rules import broken
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.fits import fit, reason
from autocompress.values.device import Device, Operators, Protocol, Rule
from autocompress.values.limit import Limit


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    """MLPerf Tiny's ResNet-8 in float and in int8."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    net = make(Student, {"use": "resnet", "depth": 8, "width": 16}).build((3, 32, 32), 10).eval()
    whole, few = folder / "float.onnx", folder / "int8.onnx"
    make(Runtime, "onnxruntime").lower(net, (3, 32, 32), whole)
    images = np.random.default_rng(0).standard_normal((8, 3, 32, 32), dtype=np.float32)
    make(Quantizer, {"use": "onnx_static", "examples": 32}).convert(whole, few, iter([images]))
    return whole, few


def test_estimates_for_a_board_are_what_was_measured_on_it(files):
    found = fit(load_device("stm32u575-1v8"), files[1])
    known = {m.metric: m.value for m in found.known}
    assert known["latency_p50"] == pytest.approx(0.10949, rel=0.03)  # MLPerf Tiny v1.3
    assert known["energy"] == pytest.approx(2565.2e-6, rel=0.02)
    assert known["peak_ram"] == pytest.approx((62.5 + 1.3) * 1024, rel=0.01)  # ST's model zoo, on another board
    assert known["macs"] == pytest.approx(12_501_632, rel=0.001)
    verdicts = {v.limit.metric: v for v in found.verdicts}
    assert verdicts["peak_ram"].holds
    assert verdicts["peak_ram"].headroom == pytest.approx(1 - 1.3 * known["peak_ram"] / (96 * 1024))
    assert verdicts["latency_p95"].holds
    assert verdicts["latency_p95"].headroom == pytest.approx(1 - 1.1 * known["latency_p50"] / 0.12)
    assert verdicts["accuracy"].holds is None
    assert reason(verdicts["accuracy"]) == "it is relative to a teacher, whom only a study has"
    assert found.fits
    assert found.broken == ()


def test_what_is_not_known_well_enough_does_not_fit_and_soft_limits_refuse_nothing(files):
    """107 ms of 110, but nobody knows them to 10 %."""
    board = load_device("stm32u575-1v8")
    tight = [x.model_copy(update={"bound": 0.11}) if x.metric == "latency_p95" else x for x in board.limits]
    for hard in (True, False):
        limits = tuple(x.model_copy(update={"hard": hard}) for x in tight)
        found = fit(board.model_copy(update={"limits": limits}), files[1])
        assert next(v for v in found.verdicts if v.limit.metric == "latency_p95").holds is False
        assert found.fits is not hard
        beyond = {one.limit.metric: one.by for one in found.breaches}  # what has to be left counts
        assert beyond == ({} if hard else {"latency_p95": "6.67 % over", "energy": "12.4 % over"})


def test_float_on_a_device_of_integers_is_named_layer_by_layer(files):
    found = fit(load_device("stm32u575-1v8"), files[0])
    assert len(found.broken) == 10
    assert {b.why for b in found.broken} == {"computes in 32 bits; it wants 8"}
    assert not found.fits
    latency = next(v for v in found.verdicts if v.limit.metric == "latency_p95")
    assert reason(latency).startswith("op_cycles speaks of int8")


def device(**changes) -> Device:
    return Device(id="x", name="X", kind="mcu", measurement="estimate", **changes)


@pytest.mark.parametrize(
    ("changes", "kinds", "why", "fatal"),
    [
        ({"operators": Operators(deny=("add",))}, {"add"}, "add is denied", True),
        (
            {"operators": Operators(deny=("add",), unsupported="cpu")},
            {"add"},
            "add is denied; the processor does it",
            False,
        ),
        (
            {"operators": Operators(allow=("conv2d", "add", "global_avg_pool"))},
            {"linear"},
            "linear is not among what it runs",
            True,
        ),
        (
            {"operators": Operators(limits={"conv2d": Rule(kernel_max=1)})},
            {"conv2d"},
            "a kernel of 3 x 3; at most 1",
            True,
        ),
        (
            {"operators": Operators(limits={"pointwise": Rule(stride_max=1)})},
            {"pointwise"},
            "a stride of 2; at most 1",
            True,
        ),
        (
            {"operators": Operators(limits={"conv2d": Rule(channels_max=32)})},
            {"conv2d", "pointwise"},
            "64 channels; at most 32",
            True,
        ),
        (
            {"round_to": 32, "channel_policy": "require"},
            {"conv2d", "pointwise"},
            "16 channels are no multiple of 32",
            True,
        ),
        (
            {"round_to": 32},
            {"conv2d", "pointwise"},
            "16 channels are no multiple of 32, which it would rather have",
            False,
        ),
    ],
)
def test_rules(files, changes, kinds, why, fatal):
    found = [b for b in broken(read(files[1]), device(**changes)) if b.why == why]
    assert {b.operation.partition("(")[2].split(" ")[0] for b in found} == kinds
    assert {b.fatal for b in found} == {fatal}


def test_what_is_preferred_is_told_and_refuses_nobody(files):
    picky = device(round_to=32, bits=(8,))
    assert {b.fatal for b in broken(read(files[1]), picky)} == {False}
    assert fit(picky, files[1]).fits
    assert broken(read(files[1]), device(round_to=16, bits=(8,))) == []


def test_a_few_layers_may_stay_in_float(files):
    graph = read(files[0])
    half = graph.in_bits(8)
    mixed = type(graph)((graph.operations[0], *half.operations[1:]), half.tensors, half.inputs, half.outputs)
    (one,) = broken(mixed, device(bits=(8,)))
    assert not one.fatal
    assert broken(mixed, device(bits=(8,), float_fallback=False))[0].fatal


def test_where_this_machine_is_the_device_the_file_is_run(files):
    here = Device(
        id="here", name="here", kind="cpu", protocol=Protocol(warmup=1, runs=3, processes=1),
        limits=(Limit(metric="latency_p50", side="max", bound=10.0),),
    )  # fmt: skip
    (verdict,) = fit(here, files[1]).verdicts
    assert verdict.value.how == "measured"
    assert verdict.holds
    (away,) = fit(here.model_copy(update={"machine": "vax"}), files[1]).verdicts
    assert away.holds is None
    assert reason(away).endswith(f"this one is {platform.machine()}, not vax")


def test_what_is_no_model_is_told(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no")
    (tmp_path / "x.bin").write_bytes(b"no")
    for name in ("x.onnx", "x.bin"):
        with pytest.raises(Failure):
            fit(load_device("this-machine"), tmp_path / name)
