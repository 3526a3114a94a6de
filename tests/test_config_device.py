"""Devices: inheritance, files that refer to files, and whose limits count."""

from pathlib import Path

import pytest

from autocompress.config.diagnostic import ConfigError
from autocompress.config.load import device_names, load_device, load_study
from autocompress.config.starter import starter
from autocompress.values.device import Device

BASE = """\
schema: autocompress.device/v1
id: base
name: Base
kind: cpu
tags: [a, b]
hardware: {core: x86-64, clock: 3 GHz, cores: 8}
memory: {ram: {total: 8 GiB, reserved: 2 GiB}}
runtime: {name: onnxruntime, threads: 2}
measurement: {use: local, protocol: {runs: 50}}
limits: {size: 1 MB, latency_p50: {max: 5 ms, kind: soft}}
objectives: [accuracy, size]
"""
CHILD = "schema: autocompress.device/v1\nextends: ./base.yaml\nid: child\n"


def child(folder: Path, text: str) -> Device:
    (folder / "base.yaml").write_text(BASE)
    (folder / "child.yaml").write_text(CHILD + text)
    return load_device(folder / "child.yaml")


def test_mappings_merge_lists_and_scalars_replace_null_takes_away(tmp_path: Path) -> None:
    text = (
        "hardware: {clock: 2 GHz}\nmemory: null\nlimits: {latency_p50: 1 ms, size: null}\nobjectives: [latency_p50]\n"
    )
    found = child(tmp_path, text)
    assert (found.id, found.name, found.machine, found.clock_hz, found.ram_bytes) == (
        "child",
        "Base",
        "x86_64",
        2e9,
        None,
    )
    assert found.runtime.threads == 2
    assert found.protocol.runs == 50
    assert [(x.metric, x.bound, x.hard) for x in found.limits] == [("latency_p50", 0.001, True)]
    assert [x.metric for x in found.objectives] == ["latency_p50"]


def test_nothing_said_is_everything_inherited(tmp_path: Path) -> None:
    found = child(tmp_path, "")
    assert found == load_device(tmp_path / "base.yaml").model_copy(update={"id": "child"})


def test_mistakes_name_the_file_they_stand_in(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE.replace("size: 1 MB", "size: 1 mb").replace("runs: 50", "runs: 1"))
    (tmp_path / "child.yaml").write_text(CHILD + "hardware: {cores: 0}\n")
    with pytest.raises(ConfigError) as caught:
        load_device(tmp_path / "child.yaml")
    found = [(Path(d.file).name, d.line, d.col, d.code) for d in caught.value.diagnostics]
    assert found == [
        ("base.yaml", 9, 44, "out-of-range"),
        ("base.yaml", 10, 16, "bad-unit"),
        ("child.yaml", 4, 19, "out-of-range"),
    ]


@pytest.mark.parametrize(
    ("parent", "code", "words"),
    [
        ("./none.yaml", "not-found", "there is no file"),
        ("./bas.yaml", "not-found", "did you mean 'base.yaml'"),
        ("this-machin", "unknown-name", "did you mean 'this-machine'"),
        ("base", "unknown-name", "written './base.yaml'"),
        ("./child.yaml", "bad-extends", "leads back"),
        ("./loop.yaml", "bad-extends", "leads back"),
        ("./p5.yaml", "bad-extends", "more than 4 parents"),
        ("3", "wrong-type", "wants the name"),
    ],
)
def test_parents_that_cannot_be(tmp_path: Path, parent: str, code: str, words: str) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "loop.yaml").write_text(CHILD.replace("base", "child"))
    for i in range(1, 6):
        (tmp_path / f"p{i}.yaml").write_text(CHILD.replace("base", f"p{i - 1}" if i > 1 else "base"))
    (tmp_path / "child.yaml").write_text(CHILD.replace("./base.yaml", parent))
    with pytest.raises(ConfigError) as caught:
        load_device(tmp_path / "child.yaml")
    assert (code, True) in [(d.code, words in str(d)) for d in caught.value.diagnostics]


def test_four_parents_are_fine(tmp_path: Path) -> None:
    (tmp_path / "p0.yaml").write_text(BASE)
    for i in range(1, 5):
        (tmp_path / f"p{i}.yaml").write_text(CHILD.replace("base", f"p{i - 1}"))
    assert load_device(tmp_path / "p4.yaml").name == "Base"


def test_shipped_devices() -> None:
    assert {"this-machine", "raspberry-pi-4", "raspberry-pi-5"} <= set(device_names())
    assert all(load_device(name).id == name for name in device_names())
    assert load_device("this-machine").machine is None
    assert load_device("raspberry-pi-5").machine == "aarch64"


def test_the_study_has_the_last_word(tmp_path: Path) -> None:
    for name, text in starter().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    text = starter()["study.yaml"].replace("size: 300 kB", "size: 100 kB\n  latency_p50: null")
    spec = load_study(tmp_path / "study.yaml", source=text.replace("seed: 0", "objectives: [accuracy, macs]"))
    assert {x.metric: x.bound for x in spec.limits} == {"size": 100_000, "macs": 2e7, "accuracy": None}
    assert [x.metric for x in spec.objectives] == ["accuracy", "macs"]
    assert spec.device is not None
    assert spec.device.id == "my-device"


def test_a_mistake_in_each_of_three_files(tmp_path: Path) -> None:
    for name, text in starter().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(
            text.replace("trials: 20", "trials: 0").replace("magnitude", "magnitud").replace("2 ms", "2")
        )
    with pytest.raises(ConfigError) as caught:
        load_study(tmp_path / "study.yaml")
    found = [(Path(d.file).name, d.code) for d in caught.value.diagnostics]
    assert found == [("device.yaml", "bad-unit"), ("space.yaml", "unknown-plugin"), ("study.yaml", "out-of-range")]


def test_who_has_no_parent_is_not_told_what_it_would_inherit(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text("schema: autocompress.device/v1\nextends: raspbery-pi-5\nid: child\n")
    with pytest.raises(ConfigError) as caught:
        load_device(tmp_path / "child.yaml")
    assert [mistake.code for mistake in caught.value.diagnostics] == ["unknown-name"]


def test_a_runtime_by_its_bare_name_is_told_how_to_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        child(tmp_path, "runtime: [onnxruntime, openvino]\n")
    assert [mistake.hint for mistake in caught.value.diagnostics] == [
        "write {name: onnxruntime}",
        "write {name: openvino}",
    ]
