"""Mistake in a device file -> exact text, and what is only worth a warning."""

from datetime import date
from pathlib import Path

import pytest

from autocompress.config.cores import ISA
from autocompress.config.diagnostic import ConfigError, Diagnostic, render
from autocompress.config.load import check, load_device, load_study
from autocompress.config.operators import OPERATORS

GOOD = """\
schema: autocompress.device/v1
id: band
name: A band
kind: mcu
hardware: {core: cortex-m33, isa: [dsp], clock: 160 MHz}
memory:
  flash: {total: 2 MiB, reserved: 1 MiB}
  ram: {total: {value: 256 KiB, how: vendor, error: 1 %, source: tiny}, fast: 64 KiB}
runtime: {name: x-cube-ai, version: "10.2", overheads: {flash_code: 36 KiB}}
precision: {weights: {bits: [8]}, activations: {bits: [8]}}
operators: {allow: [conv2d, linear], deny: [softmax], limits: {conv2d: {kernel_max: 7, groups: [1, depthwise]}}}
measurement:
  use: estimate
  estimators:
    latency:
      use: op_cycles
      cycles_per_mac: {conv2d: 1.4, pointwise: 1.5, depthwise: 1.5, linear: 1.9}
      fixed: 1 ms
      error: {p50: 15 %, p90: 22 %}
      calibrated_from: [tiny]
    peak_ram: {use: greedy_arena, scale: 1.3, error: {p90: 30 %}, calibrated_from: tiny}
    energy: {use: power_times_latency, power: 23.6 mW, error: {p90: 25 %}, calibrated_from: [tiny]}
limits:
  peak_ram: 96 KiB
  latency_p50: {max: 100 ms, margin: 0 %}
  latency_p95: {max: 120 ms, kind: soft, weight: 2}
  energy: 2 mJ
objectives: [accuracy, latency_p50]
evidence:
  tiny: {how: measured, source: "https://example.org/tiny", by: Somebody, points: [{model: resnet8, latency: 109 ms}]}
"""

# name, what stands in GOOD, what stands there instead, what is said after the file name and a colon
TABLE = [
    (
        "KB",
        "peak_ram: 96 KiB",
        "peak_ram: 96 KB",
        "24:13: error[bad-unit]: limits.peak_ram: 'KB' in '96 KB' is ambiguous\n"
        "    hint: write '96 KiB' (98304 B) or '96 kB' (96000 B)",
    ),
    (
        "memory in a provenance",
        "value: 256 KiB",
        "value: 256 KB",
        "8:24: error[bad-unit]: memory.ram.total: 'KB' in '256 KB' is ambiguous\n"
        "    hint: write '256 KiB' (262144 B) or '256 kB' (256000 B)",
    ),
    (
        "origin",
        "how: vendor",
        "how: vendr",
        "8:38: error[bad-value]: memory.ram.total.how: wants one of measured, vendor, estimated, assumed, "
        "got 'vendr'; did you mean 'vendor'?",
    ),
    (
        "evidence that is not there",
        "error: 1 %, source: tiny",
        "error: 1 %, source: tinny",
        "8:66: error[unknown-name]: memory.ram.total.source: no evidence is called 'tinny'; did you mean 'tiny'?\n"
        "    hint: known: tiny; or write an address, https://...",
    ),
    (
        "key of a provenance",
        "error: 1 %",
        "errors: 1 %",
        "8:46: error[unknown-key]: memory.ram.total.errors: unknown key\n"
        "    hint: did you mean 'error'? allowed: value, how, error, source",
    ),
    (
        "error without unit",
        "error: 1 %",
        "error: 0.01",
        "8:53: error[bad-unit]: memory.ram.total.error: '0.01' has no unit\n    hint: write '1 %'",
    ),
    (
        "nothing left",
        "reserved: 1 MiB",
        "reserved: 3 MiB",
        "7:35: error[out-of-range]: memory.flash.reserved: nothing is left: 'reserved' takes all of 'total'",
    ),
    (
        "more fast memory than memory",
        "fast: 64 KiB",
        "fast: 1 MiB",
        "8:79: error[out-of-range]: memory.ram.fast: is part of 'total', and larger",
    ),
    (
        "instructions",
        "isa: [dsp]",
        "isa: [dps]",
        "5:35: error[bad-value]: hardware.isa: no instructions are called 'dps'; did you mean 'dsp'?\n"
        f"    hint: known: {', '.join(ISA)}",
    ),
    (
        "export",
        'version: "10.2"',
        "export: onx",
        "9:36: error[bad-value]: runtime.export: wants one of onnx, onnx-qdq, tflite, pte, got 'onx'; "
        "did you mean 'onnx'?",
    ),
    (
        "no runtime",
        'runtime: {name: x-cube-ai, version: "10.2", overheads: {flash_code: 36 KiB}}',
        "runtime: []",
        "9:10: error[out-of-range]: runtime: wants at least one runtime, got none",
    ),
    (
        "second runtime",
        'runtime: {name: x-cube-ai, version: "10.2", overheads: {flash_code: 36 KiB}}',
        "runtime: [{name: x-cube-ai}, {name: tflite, threads: 0}]",
        "9:54: error[out-of-range]: runtime.1.threads: must be at least 1, got 0",
    ),
    (
        "bits",
        "weights: {bits: [8]}",
        "weights: {bits: [3]}",
        "10:30: error[bad-value]: precision.weights.bits.0: wants one of 1, 2, 4, 8, 16, 32, got 3",
    ),
    (
        "operator",
        "allow: [conv2d, linear]",
        "allow: [con2d, linear]",
        "11:21: error[bad-value]: operators.allow.0: no operator is called 'con2d'; did you mean 'conv2d'?\n"
        f"    hint: known: {', '.join(OPERATORS)}",
    ),
    (
        "any or a list",
        "allow: [conv2d, linear]",
        "allow: all",
        "11:20: error[wrong-type]: operators.allow: wants 'any' or a list of operators, got 'all'",
    ),
    (
        "allowed and denied",
        "deny: [softmax]",
        "deny: [conv2d]",
        "11:44: error[bad-value]: operators.deny: conv2d: allowed and denied at once",
    ),
    (
        "nothing allowed",
        "allow: [conv2d, linear]",
        "allow: []",
        "11:20: error[empty-space]: operators.allow: no operator at all is allowed",
    ),
    (
        "rule of an operator",
        "kernel_max: 7",
        "kernel: 7",
        "11:73: error[unknown-key]: operators.limits.conv2d.kernel: unknown key\n"
        "    hint: did you mean 'kernel_max'? allowed: kernel_max, stride_max, channels_max, groups",
    ),
    (
        "groups",
        "[1, depthwise]",
        "[1, deep]",
        "11:100: error[wrong-type]: operators.limits.conv2d.groups.1: wants a number of groups or 'depthwise', "
        "got 'deep'",
    ),
    (
        "measured where nothing can be",
        "use: estimate",
        "use: local",
        "5:18: error[unsupported]: hardware.core: 'cortex-m33' cannot run autocompress itself, so nothing is measured "
        "on it\n"
        "    hint: measurement: {use: estimate}, with estimators\n"
        "9:17: error[unsupported]: runtime.name: autocompress does not run 'x-cube-ai', so nothing is measured with "
        "it\n"
        "    hint: one of OURS; or measurement: {use: estimate}, with estimators",
    ),
    (
        "replay",
        "use: estimate",
        "use: replay",
        "13:8: error[unsupported]: measurement.use: replaying measurements is not available yet; use 'local' on the "
        "device itself, or 'estimate'",
    ),
    (
        "agent without a token",
        "use: estimate\n",
        "use: agent\n  agent: {url: 'https://pi.lan:8765'}\n",
        "14:3: error[missing-key]: measurement.agent: the key 'token_env' is missing",
    ),
    (
        "a token in the file",
        "use: estimate\n",
        "use: agent\n  agent: {url: 'https://pi.lan:8765', token_env: T, token: hunter2}\n",
        "13:8: error[unsupported]: measurement.use: agents on other machines are not available yet; use 'local' on the "
        "device itself, or 'estimate'\n"
        "14:53: error[secret]: measurement.agent.token: a token has no place in a file\n"
        "    hint: put it into an environment variable and name that: token_env: AUTOCOMPRESS_AGENT_TOKEN",
    ),
    (
        "estimated metric",
        "    peak_ram: {use",
        "    peak_rom: {use",
        "21:5: error[unknown-name]: measurement.estimators.peak_rom: nothing called 'peak_rom' is estimated; did you "
        "mean 'peak_ram'?\n"
        "    hint: known: latency, peak_ram, energy",
    ),
    (
        "unknown estimator",
        "use: op_cycles",
        "use: op_cycle",
        "16:12: error[unknown-plugin]: measurement.estimators.latency.use: no estimator is called 'op_cycle'; "
        "did you mean 'op_cycles'?",
    ),
    (
        "estimator of something else",
        "peak_ram: {use: greedy_arena, scale: 1.3",
        "peak_ram: {use: macs, cycles_per_mac: 1.3",
        "21:21: error[bad-value]: measurement.estimators.peak_ram.use: 'macs' tells latency, not peak_ram",
    ),
    (
        "an estimator that lacks what it needs",
        "power: 23.6 mW, ",
        "",
        "22:5: error[missing-key]: measurement.estimators.energy: the key 'power' is missing",
    ),
    (
        "power in joules",
        "power: 23.6 mW",
        "power: 23.6 mJ",
        "22:47: error[bad-unit]: measurement.estimators.energy.power: wants a power, and 'mJ' in '23.6 mJ' is an "
        "energy\n"
        "    hint: write it like '23.6 mW'",
    ),
    (
        "cycles without a clock",
        ", clock: 160 MHz",
        "",
        "16:12: error[missing-key]: measurement.estimators.latency.use: 'op_cycles' counts in cycles, and the device "
        "has no clock\n"
        "    hint: add hardware: {clock: 160 MHz}",
    ),
    (
        "errors upside down",
        "{p50: 15 %, p90: 22 %}",
        "{p50: 35 %, p90: 22 %}",
        "19:14: error[bad-value]: measurement.estimators.latency.error: half of the errors cannot be larger than nine "
        "tenths of them",
    ),
    (
        "calibrated from nothing",
        "      calibrated_from: [tiny]",
        "      calibrated_from: [teeny]",
        "20:7: warning[no-evidence]: measurement.estimators.latency.calibrated_from: nothing says where these numbers "
        "come from, so the latency they tell is assumed\n"
        "    hint: name it: calibrated_from: [KEY], a KEY of the section 'evidence'\n"
        "20:25: error[unknown-name]: measurement.estimators.latency.calibrated_from.0: no evidence is called 'teeny'; "
        "did you mean 'tiny'?\n"
        "    hint: known: tiny; or write an address, https://...",
    ),
    (
        "more memory than there is",
        "peak_ram: 96 KiB",
        "peak_ram: 1 MiB",
        "24:13: error[bad-limit]: limits.peak_ram: is more than there is: 256.0 KiB of ram can be used",
    ),
    (
        "more flash than is left",
        "  energy: 2 mJ",
        "  energy: 2 mJ\n  flash: 1.5 MiB",
        "28:10: error[bad-limit]: limits.flash: is more than there is: 1.00 MiB of flash can be used",
    ),
    (
        "limits that contradict each other",
        "latency_p95: {max: 120 ms",
        "latency_p95: {max: 90 ms",
        "26:16: error[bad-limit]: limits.latency_p95: is below latency_p50, 100.0 ms, which then says nothing: "
        "latency_p95 is the larger of the two",
    ),
    (
        "a battery that is always full",
        "energy: 2 mJ",
        "energy: 2.5 mJ",
        "27:11: error[bad-limit]: limits.energy: says nothing: 23.60 mW for the 100.0 ms of latency_p50 are 2.36 mJ",
    ),
    (
        "a battery that no latency can spare",
        "energy: 2 mJ",
        "energy: 20 uJ",
        "27:11: error[bad-limit]: limits.energy: no latency can meet this: 23.60 mW for 1.00 ms are more",
    ),
    (
        "faster than anything",
        "latency_p50: {max: 100 ms",
        "latency_p50: {max: 1 ms",
        "25:16: error[bad-limit]: limits.latency_p50: no model is that fast: its estimator begins at 1.00 ms\n"
        "27:11: error[bad-limit]: limits.energy: says nothing: 23.60 mW for the 1.00 ms of latency_p50 are 23.60 µJ",
    ),
    (
        "a promise nobody can judge",
        "    energy: {use: power_times_latency, power: 23.6 mW, error: {p90: 25 %}, calibrated_from: [tiny]}\n",
        "",
        "26:3: error[unsupported]: limits.energy: nothing tells the energy of band: it has no estimator of energy\n"
        "    hint: add one: measurement: {estimators: {energy: {use: ...}}}",
    ),
    (
        "an aim nobody can see",
        "objectives: [accuracy, latency_p50]",
        "objectives: [accuracy, {metric: power}]",
        "",
    ),
    (
        "weight of a hard limit",
        "peak_ram: 96 KiB",
        "peak_ram: {max: 96 KiB, weight: 2}",
        "24:27: error[bad-limit]: limits.peak_ram.weight: a hard limit has no weight: nothing outweighs it\n"
        "    hint: kind: soft",
    ),
    (
        "negative weight",
        "weight: 2",
        "weight: -2",
        "26:50: error[wrong-type]: limits.latency_p95.weight: wants a number from 0 on, got -2",
    ),
    (
        "margin without unit",
        "margin: 0 %",
        "margin: 0.2",
        "25:38: error[bad-unit]: limits.latency_p50.margin: '0.2' has no unit\n    hint: write '20 %'",
    ),
    (
        "a point without unit",
        "latency: 109 ms",
        "latency: 109",
        "30:110: error[bad-unit]: evidence.tiny.points.0.latency: '109' has no unit\n"
        "    hint: write '109 UNIT' with one of ns, us, ms, s, min, h, d",
    ),
]


def said(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_device("band.yaml", source=text)
    return str(caught.value).replace("band.yaml:", "")


@pytest.mark.parametrize(("name", "there", "instead", "text"), TABLE, ids=[row[0] for row in TABLE])
def test_a_mistake_is_said_exactly_so(name: str, there: str, instead: str, text: str) -> None:
    from autocompress.config.runtimes import ours

    assert there in GOOD
    wrong = GOOD.replace(there, instead, 1)
    if text:
        assert said(wrong) == text.replace("OURS", ", ".join(ours()))
    else:
        load_device("band.yaml", source=wrong)


def test_without_a_mistake_there_is_a_device_and_nothing_to_remark() -> None:
    remarks: list[Diagnostic] = []
    device = load_device("band.yaml", source=GOOD, remarks=remarks)
    assert remarks == []
    assert {x.metric: (x.hard, x.margin, x.weight) for x in device.limits} == {
        "peak_ram": (True, 0.3, 1.0),  # an estimate must fit even where it is as wrong as nine in ten are
        "latency_p50": (True, 0.0, 1.0),  # unless somebody says otherwise
        "latency_p95": (False, 0.22, 2.0),
        "energy": (True, 0.25, 1.0),
    }
    known = device.origin("memory.ram.total")
    assert (known.how, known.error, known.source, known.by) == ("vendor", 0.01, "https://example.org/tiny", "Somebody")
    assert device.origin("hardware.clock").how == "assumed"


CHILD = "schema: autocompress.device/v1\nextends: ./band.yaml\nid: child\n"


@pytest.mark.parametrize(
    ("text", "place", "names"),
    [
        ("hardware: {clock: 80 MHz}\n", "4:1", "latency, energy"),
        ("runtime: {version: '9.0'}\n", "4:1", "latency, peak_ram, energy"),
        ("hardware: {clock: 160 MHz}\n", "", ""),  # the same number
        ("memory: {ram: {reserved: 1 KiB}}\n", "", ""),
    ],
)
def test_estimators_that_were_calibrated_on_something_else_are_stale(tmp_path, text, place, names) -> None:
    (tmp_path / "band.yaml").write_text(GOOD)
    (tmp_path / "child.yaml").write_text(CHILD + text)
    remarks: list[Diagnostic] = []
    device = load_device(tmp_path / "child.yaml", remarks=remarks)
    how = {name: device.origin(f"measurement.estimators.{name}").how for name in device.estimators}
    stale = [name for name in names.split(", ") if name]
    assert [name for name, one in how.items() if one == "assumed"] == stale
    section = text.partition(":")[0]
    expected = (
        f"{tmp_path / 'child.yaml'}:{place}: warning[stale]: {section}: differs from ./band.yaml, on which its "
        f"estimators were calibrated: {names}\n"
        "    hint: measure again and say so under measurement.estimators; until then what they tell is assumed"
    )
    assert list(map(str, remarks)) == ([expected] if stale else [])


CYCLES = "use: op_cycles\n      cycles_per_mac: {conv2d: 1.4, pointwise: 1.5, depthwise: 1.5, linear: 1.9}\n"
TABLED = GOOD.replace(f"{CYCLES}      fixed: 1 ms\n", "use: layer_table\n      table: tables/layers.csv\n")


def test_a_table_lies_beside_the_device_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the parent that says it, not the child, from wherever one calls; whoever reads it later is elsewhere."""
    table = tmp_path / "boards" / "tables" / "layers.csv"
    table.parent.mkdir(parents=True)
    table.write_text("")
    (tmp_path / "boards" / "band.yaml").write_text(TABLED)
    (tmp_path / "child.yaml").write_text(CHILD.replace("./band.yaml", "./boards/band.yaml"))
    monkeypatch.chdir(tmp_path)
    for name in ("boards/band.yaml", "child.yaml"):
        assert load_device(name).estimators["latency"]["table"] == str(table)
    monkeypatch.chdir(table.parent)
    assert load_device("../../child.yaml").estimators["latency"]["table"] == str(table)
    inside = TABLED.replace("tables/layers.csv", str(table))
    assert load_device("x.yaml", source=inside).estimators["latency"]["table"] == str(table)


def test_a_table_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "17:14: error[not-found]: measurement.estimators.latency.table: there is no file 'tables/layers.csv'"
    assert said(TABLED) == text
    (tmp_path / "tables" / "layers.csv").mkdir(parents=True)  # a folder is none either
    (tmp_path / "tables" / "layer.csv").write_text("")
    assert said(TABLED) == f"{text}; did you mean 'layer.csv'?"


def test_who_measures_again_has_nothing_stale(tmp_path: Path) -> None:
    (tmp_path / "band.yaml").write_text(GOOD)
    again = "hardware: {clock: 80 MHz}\nmeasurement: {estimators: {latency: {fixed: 2 ms}, energy: {power: 12 mW}}}\n"
    again += "limits: {energy: 1 mJ}\n"
    (tmp_path / "child.yaml").write_text(CHILD + again)
    remarks: list[Diagnostic] = []
    device = load_device(tmp_path / "child.yaml", remarks=remarks)
    assert remarks == []
    assert device.estimators["energy"]["power"] == "12 mW"
    assert device.estimators["energy"]["use"] == "power_times_latency"


def test_where_a_value_comes_from_goes_with_the_value(tmp_path: Path) -> None:
    (tmp_path / "band.yaml").write_text(GOOD)
    (tmp_path / "child.yaml").write_text(CHILD + "memory: {ram: {total: {value: 128 KiB}}}\n")
    device = load_device(tmp_path / "child.yaml")
    assert device.ram_bytes == 128 * 1024
    assert device.origin("memory.ram.total").how == "assumed"
    (tmp_path / "child.yaml").write_text(CHILD + "memory: {ram: {total: 128 KiB}}\n")
    assert load_device(tmp_path / "child.yaml").origin("memory.ram.total").source == ""


def test_an_estimator_without_evidence_is_a_warning() -> None:
    remarks: list[Diagnostic] = []
    device = load_device("band.yaml", source=GOOD.replace("      calibrated_from: [tiny]\n", ""), remarks=remarks)
    assert [(d.severity, d.code, d.line) for d in remarks] == [("warning", "no-evidence", 15)]
    assert device.origin("measurement.estimators.latency").how == "assumed"
    assert render(remarks, "github").startswith("::warning file=band.yaml,line=15")
    assert '"severity": "warning"' in render(remarks, "json")


def test_a_study_is_held_to_its_device() -> None:
    study = """\
schema: autocompress.study/v1
name: demo
data: digits
space: {student: {use: cnn, depth: 3}, stages: [finetune]}
device: stm32u575-1v8
teacher: {student: {use: cnn, depth: 3}}
limits: {peak_ram: 2 MiB}
budget: {trials: 3}
"""
    with pytest.raises(ConfigError) as caught:
        load_study("x.yaml", source=study)
    assert str(caught.value) == (
        "x.yaml:4:1: error[empty-space]: space: the device runs weights of 8 bits, and nothing in this space "
        "quantizes\n"
        "    hint: add a stage: {use: quantize, scheme: ...}\n"
        "x.yaml:7:20: error[bad-limit]: limits.peak_ram: is more than there is: 256.0 KiB of ram can be used"
    )
    quantized = study.replace("[finetune]", "[finetune, {choice: [none, {use: quantize, scheme: onnx_static}]}]")
    spec = load_study("x.yaml", source=quantized.replace("2 MiB", "64 KiB"))
    assert {x.metric: x.margin for x in spec.limits}["peak_ram"] == 0.3


@pytest.mark.parametrize(("today", "old"), [(date(2026, 6, 30), False), (date(2026, 7, 1), True)])
def test_evidence_is_believed_until_its_day(tmp_path: Path, today: date, old: bool) -> None:
    """Inherited, too, and where a study names the device; nobody is refused."""
    (tmp_path / "board.yaml").write_text(GOOD.replace("by: Somebody", "by: Somebody, until: 2026-06-30"))
    child = tmp_path / "child.yaml"
    child.write_text("schema: autocompress.device/v1\nextends: ./board.yaml\nid: child\n")
    study = tmp_path / "study.yaml"
    study.write_text(
        "schema: autocompress.study/v1\nname: s\ndata: digits\ndevice: ./child.yaml\nbudget: {trials: 1}\n"
        "space: {student: {use: cnn}, stages: [{use: finetune, epochs: 1}, {use: quantize, scheme: onnx_static}]}\n"
    )
    for file in (child, study):
        remarks: list[Diagnostic] = []
        check(file, remarks=remarks, today=today)
        said = [d for d in remarks if "believed" in d.text]
        assert [(d.file.rpartition("/")[2], d.severity, d.code, d.path) for d in said] == old * [
            ("board.yaml", "warning", "stale", "evidence.tiny.until")
        ]
        assert [d.text for d in said] == old * ["the evidence 'tiny' was to be believed until 2026-06-30"]
    check(child, remarks=(unasked := []))
    assert not [d for d in unasked if "believed" in d.text], "nobody has told the day"
    device = load_device(child)
    for path in ("memory.ram.total", "measurement.estimators.energy"):
        assert device.origin(path).is_past(today) == old
    assert not device.origin("hardware.clock").is_past(today)


@pytest.mark.parametrize("day", ["June 2026", "20260630", "2026-02-30", "2026"])
def test_a_day_is_written_in_one_way(day: str) -> None:
    with pytest.raises(ConfigError, match=r"evidence\.tiny\.until: wants a day such as 2026-11-21, got"):
        load_device(Path("x.yaml"), source=GOOD.replace("by: Somebody", f"by: Somebody, until: {day}"))
