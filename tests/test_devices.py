"""The devices that ship: grouped, sourced, and right about the networks that were run on them."""

import re
from typing import get_args

import pytest

from autocompress.config.diagnostic import Diagnostic
from autocompress.config.document import read
from autocompress.config.load import device_names, load_device
from autocompress.config.operators import OPERATORS
from autocompress.config.runtimes import STANDS_IN, ours
from autocompress.config.shipped import groups, shipped
from autocompress.config.units import quantity
from autocompress.measure.graph import Kind
from autocompress.values.device import Device, Memory, Runtime, estimated_as

# Where MACs are, by kind of operation: convolution, pointwise, depthwise, linear. Counted in the .tflite files of
# MLPerf Tiny (https://github.com/mlcommons/tiny).
NETS = {
    "resnet8-cifar10-int8": (12_241_000, 260_000, 0, 640),
    "mobilenetv1-0.25-96-int8": (499_000, 6_190_000, 800_000, 512),
    "dscnn-kws-int8": (316_000, 2_050_000, 290_000, 768),
    "ad-autoencoder-int8": (0, 0, 0, 264_192),
}
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
    cycles = device.estimators["latency"]["cycles_per_mac"]
    work = sum(macs * cycles[k] for macs, k in zip(NETS[point["model"]], cycles, strict=True))
    assert list(cycles) == ["conv2d", "pointwise", "depthwise", "linear"]
    told, measured = work / device.clock_hz, quantity(point["latency"], "time")
    worst = device.origin("measurement.estimators.latency").error
    assert abs(told / measured - 1) <= worst
    if point["model"] in ("resnet8-cifar10-int8", "ad-autoencoder-int8"):
        assert told == pytest.approx(measured, rel=0.02)
    if "energy" in point and "energy" in device.estimators:
        rough = device.origin("measurement.estimators.energy").error
        power = quantity(device.estimators["energy"]["power"], "power")
        assert power * measured == pytest.approx(quantity(point["energy"], "energy"), rel=rough)


def test_enough_of_them_were_measured():
    assert len({name for name, _, _ in MEASURED}) >= 8


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
