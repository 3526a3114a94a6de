"""`autocompress devices`, from outside: what is printed where, at any width, and its exit codes."""

import json
import re

import pytest
from outside import program

from autocompress.config.load import device_names, load_device
from autocompress.study.machine import Facts, written

BAND = """\
schema: autocompress.device/v1
extends: stm32u575-1v8
id: band
name: Our band
hardware: {clock: 80 MHz}
limits: {peak_ram: 64 KiB}
"""


@pytest.mark.parametrize(("columns", "named"), [(80, False), (120, True)])
def test_the_list_fits_the_terminal(tmp_path, columns, named):
    title, *lines = program("devices", "list", home=tmp_path, COLUMNS=str(columns)).stdout.splitlines()
    assert title == "RAM and flash: what is left of them after `reserved`"
    assert lines[0].split() == ["clock", "RAM", "flash", "runtime", "latency"]
    assert max(map(len, lines)) <= columns
    groups = [line.removesuffix(":") for line in lines if line.endswith(":")]
    assert groups == ["any machine", "microcontrollers", "wearables", "single-board computers", "phones", "servers"]
    assert {line.split()[0] for line in lines[1:] if not line.endswith(":")} == set(device_names())
    (band,) = [line for line in lines if line.startswith("stm32u575-1v8 ")]
    assert band.split("STM32U575")[0].split() == [
        *("stm32u575-1v8", "160", "MHz", "256", "KiB", "1.50", "MiB", "x-cube-ai", "est.", "±", "10", "%")
    ]
    assert ("STM32U575 at" in band) == named
    starts = {line.index(word) for line in lines for word in ("est. ±", "measured") if word in line}
    assert len(starts) == 1  # it is a column


def test_show_says_where_numbers_come_from(tmp_path):
    shown = program("devices", "show", "stm32u575-1v8", home=tmp_path).stdout
    assert "  clock       160 MHz  (vendor [1])\n" in shown
    assert "  runtime     x-cube-ai 10.2, 1 thread; here onnxruntime runs its onnx-qdq files\n" in shown
    assert "              peak_ram ≤ 96.00 KiB with 30 % to spare\n" in shown
    assert "(soft, weight 1)" in shown
    assert "  [1] STMicroelectronics (MLPerf Tiny v1.3, closed division), https://github.com/mlcommons/" in shown


def test_old_evidence_is_told_wherever_a_device_is_looked_at(tmp_path):
    """The clock is the computer's: both days are far from now."""
    file = tmp_path / "old.yaml"
    evidence = "evidence: {tiny: {until: 2001-01-01}, st-zoo: {until: 2999-12-31}}\n"
    file.write_text(f"schema: autocompress.device/v1\nextends: stm32u575-1v8\nid: old\n{evidence}")
    shown = program("devices", "show", file, home=tmp_path).stdout
    assert "  clock       160 MHz  (vendor [1], to be believed until 2001-01-01)\n" in shown
    assert "2999" not in shown
    said = "evidence.tiny.until: the evidence 'tiny' was to be believed until 2001-01-01"
    for verb in (("devices", "check", file), ("check", file)):
        checked = program(*verb, home=tmp_path)
        assert checked.returncode == 0
        assert f"{file}:4:26: warning[stale]: {said}" in checked.stdout
        assert "2999" not in checked.stdout
    save_small(tmp_path / "small.onnx")
    explained = program("devices", "explain", file, tmp_path / "small.onnx", home=tmp_path)
    assert f"warning: {said}\n" in explained.stderr


def test_check_warns_and_is_content_or_names_the_place(tmp_path):
    file = tmp_path / "band.yaml"
    file.write_text(BAND)
    for verb in (("devices", "check", file), ("check", file)):
        warned = program(*verb, home=tmp_path)
        assert warned.returncode == 0
        assert warned.stdout.startswith(f"{file}:5:1: warning[stale]: hardware: differs from stm32u575-1v8")
        assert f"{file}: ok" in warned.stderr
    file.write_text(BAND.replace("64 KiB", "64 KB"))
    for form, start in (("text", f"{file}:"), ("github", "::"), ("json", "{")):
        wrong = program("devices", "check", file, "stm32l4r5", "--format", form, home=tmp_path)
        assert wrong.returncode == 3
        assert wrong.stdout.startswith(start)
    found = {d["code"]: d["severity"] for d in json.loads(wrong.stdout)["diagnostics"]}
    assert found == {"stale": "warning", "bad-unit": "error"}


def test_diff_is_field_by_field(tmp_path):
    (tmp_path / "band.yaml").write_text(BAND)
    done = program("devices", "diff", "stm32u575-1v8", tmp_path / "band.yaml", home=tmp_path).stdout
    assert [re.sub(" +", " ", line) for line in done.splitlines()] == [
        "id stm32u575-1v8 -> band",
        "name STM32U575 at 160 MHz, 1.8 V SMPS (NUCLEO-U575ZI-Q) -> Our band",
        "clock_hz 160,000,000 -> 80,000,000",
        "limits.peak_ram peak_ram ≤ 96.00 KiB with 30 % to spare -> peak_ram ≤ 64.00 KiB with 30 % to spare",
    ]
    same = program("devices", "diff", "stm32l4r5", "stm32l4r5", home=tmp_path)
    assert (same.returncode, same.stdout) == (0, "")
    both = program("devices", "diff", "stm32l4r5", "raspberry-pi-5", "--json", home=tmp_path).stdout
    changes = {c["field"]: (c["a"], c["b"]) for c in json.loads(both)["changes"]}
    assert changes["core"] == ("cortex-m4", "cortex-a76")
    assert changes["runtime.of"] == ("x-cube-ai", None)
    assert "flash.io_in_arena" not in changes  # that is a matter of RAM


def save_small(path):
    import torch

    from autocompress.measure.export import to_onnx

    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 10))
    to_onnx(net, (3, 8, 8), path)


def test_explain_answers_by_its_exit_code(tmp_path):
    save_small(tmp_path / "small.onnx")
    fits = program("devices", "explain", "nvidia-h200", tmp_path / "small.onnx", home=tmp_path)
    assert fits.returncode == 4  # in 32 bits, where it wants 8 or 16
    assert "computes in 32 bits; it wants 8, 16" in fits.stdout
    pi = tmp_path / "pi.yaml"
    pi.write_text("schema: autocompress.device/v1\nextends: raspberry-pi-5\nid: pi\nhardware: {core: cortex-x4}\n")
    away = program("devices", "explain", pi, tmp_path / "small.onnx", home=tmp_path)
    assert away.returncode == 0, away.stdout + away.stderr
    assert re.search(r"^ok  size ≤ 976\.6 KiB +\S+ KiB +\d+ %  measured$", away.stdout, re.MULTILINE)
    assert re.search(r"^\?   accuracy ≥ baseline − 1 pp +\?  +it is relative to a teacher", away.stdout, re.MULTILINE)
    assert away.stderr.endswith("small.onnx fits pi; 2 limits cannot be judged\n") or "latency_p50" in away.stdout
    told = program("devices", "explain", pi, tmp_path / "small.onnx", "--json", home=tmp_path).stdout
    document = json.loads(told)
    assert document["schema"] == "autocompress.fit/v1"
    assert document["fits"]
    assert {x["limit"]["metric"] for x in document["limits"]} == {"latency_p50", "size", "accuracy"}
    missing = program("devices", "explain", "this-machine", tmp_path / "no.onnx", home=tmp_path)
    assert missing.returncode == 2
    assert "there is no file" in missing.stderr


FACTS = Facts(
    'A "fast" one', "cortex-a76", ("neon", "dotprod"), 4, 2.4e9, 4 * 2**30, {"onnxruntime": "onnxruntime 1.31.1"}
)


@pytest.mark.parametrize("times", [{"onnxruntime": 0.00123}, {}])
@pytest.mark.parametrize("lack", [{}, {"clock_hz": None}, {"ram": None}, {"isa": ()}, {"processor": ""}])
def test_what_probe_writes_can_be_read(times, lack):
    device = load_device("probe.yaml", source=written(FACTS._replace(**lack), times, "pi", "2026-11-20"))
    assert device.id == "pi"
    assert device.core == "cortex-a76"
    assert device.machine == "aarch64"
    assert device.round_to == 8
    assert device.clock_hz == (2.4e9 if "clock_hz" not in lack else None)
    assert device.origin("hardware.core").how == "measured"
    bound = {x.metric: x.bound for x in device.limits}["latency_p50"]
    assert bound == pytest.approx(2 * times.get("onnxruntime", 0.001), rel=0.01)


def test_a_clock_is_written_as_people_would():
    text = written(FACTS._replace(clock_hz=2.59612e9), {}, "pi", "2026-11-20")
    assert "\n  clock: {value: 2.6 GHz, how: measured, source: probe}\n" in text
    assert load_device("probe.yaml", source=text).clock_hz == 2.6e9
    assert "{value: 2.59 GHz, " in written(FACTS._replace(clock_hz=2.5949e9), {}, "pi", "2026-11-20")


def test_probe_looks_at_this_machine():
    from autocompress.study.machine import facts

    found = facts()
    assert found.cores >= 1
    assert "onnxruntime" in found.runtimes
    assert "torch" not in found.runtimes
    load_device("probe.yaml", source=written(found, {}, "here", "2026-11-20"))
