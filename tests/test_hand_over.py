"""A model that leaves a study: the folder is whole, says the truth, and tells when it has been touched."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hands import SMALL, fresh
from parcels import DATA, packed

from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.reports.parcel import SUMS, sums, write
from autocompress.reports.verify import verified
from autocompress.study.deploy import lowered

NAMES = {"README.md", "facts.json", "infer.py", "manifest.json", "model.onnx", "preprocessing.json", SUMS}


@pytest.fixture
def folder(tmp_path) -> Path:
    write(packed(), tmp_path / "out")
    return tmp_path / "out"


def wrong(folder: Path, **how) -> dict[str, str]:
    return {finding.what: finding.text for finding in verified(folder, **how) if not finding.right}


def test_what_was_packed_is_what_it_says(folder):
    assert {p.name for p in folder.iterdir()} == NAMES | {"weights.safetensors", "classes.json"}
    findings = list(verified(folder))
    assert all(finding.right for finding in findings), findings
    assert {"val accuracy", "infer.py on val", "test accuracy", "infer.py on test", "model.onnx"} <= {
        finding.what for finding in findings
    }
    assert subprocess.run(["sha256sum", "--quiet", "-c", SUMS], cwd=folder).returncode == 0


def test_the_script_needs_numpy_and_the_runtime_alone_and_answers_without_labels(folder, tmp_path):
    data = DATA
    np.savez(tmp_path / "some.npz", x=data.val.x[:70])
    (tmp_path / "empty").mkdir()
    code = (
        "import sys, runpy; sys.modules.update(torch=None, autocompress=None, pandas=None, pydantic=None);"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "infer.py"), str(tmp_path / "some.npz")],
        capture_output=True,
        text=True,
        cwd=tmp_path / "empty",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    session = Onnxruntime().open(folder / "model.onnx")
    assert list(map(int, done.stdout.split())) == session(data.prepared(data.val.x[:70])).argmax(1).tolist()


def test_the_card_says_how_each_number_was_obtained(folder):
    card = (folder / "README.md").read_text()
    facts = json.loads((folder / "facts.json").read_text())
    assert f"| accuracy | {facts['measurements'][0]['value'] * 100:.2f} ± " in card
    assert "| test accuracy | " in card
    assert "license: unknown" in card
    assert "Classes, in order: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9." in card
    assert "- size ≤ 100.0 KiB: kept" in card


def test_a_file_that_was_touched_is_named(folder):
    with (folder / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    (folder / "preprocessing.json").unlink()
    assert wrong(folder) == {"weights.safetensors": "has been changed", "preprocessing.json": "is not there"}


def test_another_model_under_the_same_name_is_found_by_its_answers(folder, tmp_path):
    model = fresh(SMALL, seed=2)
    (folder / "model.onnx").write_bytes(lowered(model, Onnxruntime(), tmp_path, DATA).read_bytes())
    assert {"model.onnx", "val accuracy", "infer.py on val"} <= wrong(folder).keys()


def test_a_script_that_was_changed_runs_only_if_it_is_trusted(folder, tmp_path):
    script, trace = folder / "infer.py", tmp_path / "trace"
    script.write_text(f"open({str(trace)!r}, 'w')\n" + script.read_text())
    said = "is not as this version writes it, so it was not run; --trust-code runs it"
    assert wrong(folder)["infer.py on val"] == said
    assert not trace.exists()
    assert set(wrong(folder, trust_code=True)) == {"infer.py"}  # its checksum
    assert trace.exists()


def test_a_data_function_of_a_stranger_does_not_run(folder):
    facts = json.loads((folder / "facts.json").read_text())
    facts["data"] = {"use": "python", "function": "os:getcwd"}
    (folder / "facts.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="made by os:getcwd, code of whoever packed it; --trust-code runs it"):
        list(verified(folder))


def test_a_list_of_sums_points_nowhere_else(folder, tmp_path):
    (tmp_path / "secret").write_text("x")
    with (folder / SUMS).open("a") as file:
        file.write(f"{'0' * 64}  ../secret\n")
    assert wrong(folder)["../secret"] == "is no name of a file in this folder"


def test_what_is_no_parcel_is_said_so(folder, tmp_path):
    with pytest.raises(ValueError, match=f"no {SUMS} in it, so nothing that autocompress exported"):
        list(verified(tmp_path))
    (folder / "facts.json").write_text('{"schema": "other"}')
    assert wrong(folder)["papers"].startswith("facts.json: schema: Input should be 'autocompress.export/v1'; damaged, ")


def test_a_second_export_into_a_folder_leaves_nothing_of_the_first(folder):
    again = {name: content for name, content in packed().items() if name not in ("classes.json", SUMS)}
    write(again | {SUMS: sums(again)}, folder)
    assert not (folder / "classes.json").exists()
    assert wrong(folder) == {}
