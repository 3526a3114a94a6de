"""The devices that ship: grouped, sourced, and right about the networks that were run on them."""

import re
from itertools import pairwise
from types import MappingProxyType
from typing import get_args

import pytest
from graphs import resnet8, visual_wake_words

from autocompress.config.diagnostic import ConfigError, Diagnostic
from autocompress.config.document import read
from autocompress.config.load import device_names, load_device
from autocompress.config.operators import OPERATORS
from autocompress.config.runtimes import STANDS_IN, ours
from autocompress.config.shipped import groups, shipped
from autocompress.config.units import quantity
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.graph import Graph, Kind, Operation
from autocompress.plugin import make
from autocompress.values.device import Device, Memory, Runtime, estimated_as


def keywords() -> Graph:
    """Keyword spotting of MLPerf Tiny, on 49 x 10."""
    area, first = (1, 64, 25, 5), (1, 1, 49, 10)
    window = {"kernel": (10, 4), "stride": (2, 2)}
    operations = [_step("conv2d", first, area, 25 * 5 * 64 * 40, **window)]
    for _ in range(4):
        operations.append(_step("depthwise_conv2d", area, area, 25 * 5 * 64 * 9, kernel=(3, 3), groups=64))
        operations.append(_step("pointwise", area, area, 25 * 5 * 64 * 64))
    operations += [_step("global_avg_pool", area, (1, 64, 1, 1)), _step("linear", (1, 64), (1, 12), 64 * 12)]
    return Graph(tuple(operations), MappingProxyType({}), (), ())


def autoencoder() -> Graph:
    """Anomaly detection of MLPerf Tiny."""
    widths = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
    operations = [_step("linear", (1, a), (1, b), a * b) for a, b in pairwise(widths)]
    return Graph(tuple(operations), MappingProxyType({}), (), ())


def _step(kind, before, after, macs=0, **more) -> Operation:
    return Operation(kind, "", (), (), before, after, macs, **more, bits=8)


NETS = {
    "resnet8-cifar10-int8": resnet8(16),
    "mobilenetv1-0.25-96-int8": visual_wake_words(),
    "dscnn-kws-int8": keywords(),
    "ad-autoencoder-int8": autoencoder(),
}
FITTED = {"stm32u575-1v8", "stm32u385", "stm32l4r5", "stm32h7a3", "nrf5340", "stm32f746", "stm32g0b1"}  # to all four
SHIPPED = {name: load_device(name) for name in device_names()}
every = pytest.mark.parametrize("name", SHIPPED)


def test_the_groups_have_what_they_promise():
    found = groups("device")
    assert found[""] == ["this-machine"]
    assert set(found) == {"", "microcontroller", "wearable", "single-board", "phone", "server"}
    assert sum(map(len, found.values())) == len(device_names()) >= 20
    promised = {"stm32l4r5", "stm32u575-1v8", "stm32h743", "nrf52840", "nrf5340", "esp32-s3", "rp2350", "apollo510"}
    promised |= {"max78000", "alif-e7-hp", "raspberry-pi-zero-2w", "raspberry-pi-4", "raspberry-pi-5", "nvidia-h200"}
    promised |= {"jetson-orin-nano-cpu", "coral-dev-board", "snapdragon-8gen2-cpu", "x86-avx512-vnni", "apollo4p"}
    assert promised <= set(device_names())


@every
def test_a_device_says_whence_its_numbers_are(name):
    """Whatever is not sourced is marked as assumed, and what is estimated says how wrong it may be."""
    device = SHIPPED[name]
    for path, known in device.provenance.items():
        assert known.how == "assumed" or known.source, path
    for metric in device.estimators:
        assert device.origin(f"measurement.estimators.{metric}").error, metric
    for evidence in (read(shipped("device", name))[0].data.get("evidence") or {}).values():
        assert evidence.get("source", "https://").startswith("https://")


@every
def test_who_cannot_run_autocompress_is_estimated_and_whose_files_are_foreign_has_a_stand_in(name):
    device = SHIPPED[name]
    for runtime in device.runtimes:
        assert runtime.name in ours()
        assert not runtime.of or STANDS_IN[runtime.export] == runtime.name
        assert not (runtime.of and device.measurement == "local")
    for limit in device.limits:
        expected = 0.0
        if device.estimator(limit.metric):
            expected = device.origin(f"measurement.estimators.{estimated_as(limit.metric)}").error
        assert limit.margin == expected, limit.metric


MEASURED = [
    (name, evidence, point)
    for name in SHIPPED
    for evidence, said in (read(shipped("device", name))[0].data.get("evidence") or {}).items()
    for point in said.get("points", ())
    if point["model"] in NETS
    and SHIPPED[name].estimators.get("latency", {}).get("use") == "op_cycles"
    and evidence
    in str(read(shipped("device", name))[0].data["measurement"]["estimators"]["latency"]["calibrated_from"])
    and evidence not in ("l4r5-cmsis", "nrf5340-cmsis")  # of another chip, at another clock
]


@pytest.mark.parametrize(("name", "evidence", "point"), MEASURED, ids=lambda x: x if isinstance(x, str) else x["model"])
def test_estimates_agree_with_the_measurements_they_come_from(name, evidence, point):
    device = SHIPPED[name]
    told = make(Estimator, device.estimators["latency"]).estimate(NETS[point["model"]], Board.of(device), {})
    measured = quantity(point["latency"], "time")
    worst = device.origin("measurement.estimators.latency").error
    if name in FITTED:
        worst = 0.07
    elif point["model"] in ("resnet8-cifar10-int8", "ad-autoencoder-int8"):
        worst = 0.02
    assert told == pytest.approx(measured, rel=worst)
    if "energy" in point and "energy" in device.estimators:
        rough = device.origin("measurement.estimators.energy").error
        power = quantity(device.estimators["energy"]["power"], "power")
        assert power * measured == pytest.approx(quantity(point["energy"], "energy"), rel=rough)


def test_enough_of_them_were_measured():
    assert len({name for name, _, _ in MEASURED}) >= 8


@pytest.mark.parametrize(
    "name", [name for name in SHIPPED if SHIPPED[name].runtime.of == "tflite-micro" and SHIPPED[name].estimators]
)
def test_arenas_are_those_that_the_interpreter_took(name):
    """The files that were run have two operations more, which these graphs leave out."""
    device = SHIPPED[name]
    points = read(shipped("device", name))[0].data["evidence"]["tflm-arena"]["points"]
    plug = make(Estimator, device.estimators["peak_ram"])
    measured = {point["model"]: quantity(point["peak_ram"], "bytes") for point in points}
    for model in ("resnet8-cifar10-int8", "mobilenetv1-0.25-96-int8"):
        told = plug.estimate(NETS[model], Board.of(device), {}) + 2 * 176
        assert told == pytest.approx(measured[model], rel=device.origin("measurement.estimators.peak_ram").error)


def test_only_whose_memory_is_guessed_gets_a_remark():
    for name in SHIPPED:
        remarks: list[Diagnostic] = []
        load_device(name, remarks=remarks)
        assert [d.path for d in remarks] in ([], ["measurement.estimators.peak_ram"]), name


def test_operators_are_called_as_graphs_call_them():
    assert set(OPERATORS) == set(get_args(Kind)) - {"other"} | {"flatten"}


SOURCE = """\
schema: autocompress.device/v1
id: some
name: Some
kind: mcu
hardware: {core: cortex-m4, clock: 100 MHz}
runtime: RUNTIME
measurement: {use: estimate}
objectives: [accuracy, size]
"""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{name: x-cube-ai}", [("onnxruntime", "x-cube-ai", "onnx-qdq")]),
        ("{name: x-cube-ai, export: tflite}", [("litert", "x-cube-ai", "tflite")]),
        ("{name: tflite-micro}", [("litert", "tflite-micro", "tflite")]),
        ("{name: tflite}", [("litert", "", "tflite")]),  # it is called LiteRT now
        ("{name: onnxruntime}", [("onnxruntime", "", "onnx")]),
        ("{name: executorch}", [("executorch", "", "pte")]),
        ("{name: custom, export: pte}", [("executorch", "custom", "pte")]),
        ("[{name: onnxruntime}, {name: openvino}]", [("onnxruntime", "", "onnx"), ("openvino", "", "onnx")]),
    ],
)
def test_a_foreign_runtime_is_stood_in_for_by_who_reads_its_files(written, expected):
    device = load_device("x.yaml", source=SOURCE.replace("RUNTIME", written))
    assert [(r.name, r.of, r.export) for r in device.runtimes] == expected
    assert device.runtime == device.runtimes[0]


def test_values():
    device = Device(id="x", name="X", kind="mcu", ram=Memory(total=100, reserved=40), measurement="estimate")
    assert (device.ram_bytes, device.flash_bytes, device.runtime) == (60, None, Runtime())
    assert device.origin("anything").how == "assumed"
    told = device.model_copy(update={"estimators": {"latency": {"use": "macs"}, "energy": {"use": "p"}}})
    assert [told.estimator(m) and told.estimator(m)["use"] for m in ("latency_p95", "throughput", "power", "size")] == [
        *("macs", "macs", "p"),
        None,
    ]
    local = told.model_copy(update={"measurement": "local"})
    assert local.estimator("latency_p50") is None
    assert local.estimator("energy") == {"use": "p"}
    assert Device.model_validate_json(told.model_dump_json()) == told


def test_a_device_file_names_no_machine_of_ours():
    for name in SHIPPED:
        assert not re.search(r"/home|/root|/tmp", shipped("device", name).read_text())


def test_a_device_file_may_ask_arms_compiler():
    """With the accelerator that the board has; whoever writes another is told which there are."""
    text = shipped("device", "alif-e7-hp").read_text(encoding="utf-8")
    cycles = re.search(r"use: op_cycles\n +cycles_per_mac: .*\n", text)
    assert cycles
    asked = text.replace(cycles[0], "use: vela\n      accelerator: ethos-u55-256\n      memory: Sram_Only\n")
    device = load_device("x.yaml", source=asked)
    latency = {"use": "vela", "accelerator": "ethos-u55-256", "memory": "Sram_Only"}
    assert latency.items() <= device.estimators["latency"].items()
    assert make(Estimator, device.estimators["latency"]).metric == "latency"
    with pytest.raises(ConfigError, match="ethos-u55-256"):
        load_device("x.yaml", source=asked.replace("u55-256\n", "u55-257\n"))
