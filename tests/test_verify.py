"""A folder from a stranger: nothing of theirs runs, nothing outside is touched, and what is wrong is said in words."""

import copy
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from parcels import DATA, forged, packed

from autocompress.cli import hand_over
from autocompress.cli.out import exit_code
from autocompress.errors import Failure, StudyError
from autocompress.measure.child import ask
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.reports import verify
from autocompress.reports.card import INFER, infer
from autocompress.reports.parcel import SUMS, write
from autocompress.reports.verify import verified

SNIPPET = Onnxruntime.snippet._asdict()
PAPERS = ("facts.json", "manifest.json")


@pytest.fixture
def folder(tmp_path) -> Path:
    write(packed(), tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def believed(monkeypatch) -> list[Path]:
    """Every file answers as its papers say, so that only the papers can be wrong. Returns the scripts that ran."""
    facts, ran = held("facts.json"), []

    def right(images: Path) -> float:
        val = np.array_equal(np.load(images)["y"], DATA.val.y)
        return (facts["measurements"][0] if val else facts["test_accuracy"])["value"]

    def script(file: Path, images: Path) -> str:
        ran.append(file)
        return f"accuracy {right(images):.6f} on {len(np.load(images)['y'])} images"

    load = verify.loaded
    monkeypatch.setattr(verify, "loaded", lambda data: DATA if data == {"use": "digits"} else load(data))
    monkeypatch.setattr(verify, "_again", lambda *given: (right(given[-1]), "here"))
    monkeypatch.setattr(verify, "_ran", script)
    return ran


def held(name: str) -> Any:
    return json.loads(packed()[name])


def changed(name: str, place: tuple, value: Any) -> bytes:
    tree = at = copy.deepcopy(held(name))
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return json.dumps(tree).encode()


def wrong(folder: Path, **how: Any) -> dict[str, str]:
    return {finding.what: finding.text for finding in verified(folder, **how) if not finding.right}


def code(folder: Path) -> int:
    """As the program would exit. Any other exception is a traceback."""
    try:
        hand_over.verify(folder, trust_code=False, json=False)
    except SystemExit as done:
        return int(done.code)
    except StudyError as error:
        return exit_code(error) or 1
    return 0


def test_what_was_packed_is_believed(folder, believed):
    assert code(folder) == 0
    assert len(believed) == 2
    assert all(folder not in script.parents for script in believed), "a copy of ours runs, not what lies in the folder"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", "[CODE or 0.5]"),
        ("std", "1, np.float32); CODE #"),
        ("inputs", [1, 8, '8;\n"""\nCODE\n"""']),
        ("model", 'model.onnx")); CODE; str(("'),
    ],
)
def test_text_in_the_papers_does_not_become_code(tmp_path, name, value):
    """The script is what papers like these would make of it, and it does what the stranger wants if it is run."""
    trace = tmp_path / "trace"
    value = json.loads(json.dumps(value).replace("CODE", f"__import__('pathlib').Path('{trace}').touch()"))
    manifest, facts = held("manifest.json"), held("facts.json")
    (facts if name == "model" else manifest["normalise"] if name in ("mean", "std") else manifest)[name] = value
    script = INFER.format(
        file=facts["model"], **dict(zip("chw", manifest["inputs"], strict=True)), **manifest["normalise"], **SNIPPET
    )
    mine = {"manifest.json": json.dumps(manifest), "facts.json": json.dumps(facts), "infer.py": script}
    folder = forged(tmp_path / "out", {name: text.encode() for name, text in mine.items()})
    subprocess.run([sys.executable, "-P", folder / "infer.py"], capture_output=True)
    ran = trace.exists()
    trace.unlink(missing_ok=True)
    assert wrong(folder)["papers"]
    assert not trace.exists()
    assert ran, "this stranger has made a mistake, and the test shows nothing"


@pytest.mark.parametrize(
    ("file", "inputs", "mean", "std", "text"),
    [
        ('m.onnx")', (1, 8, 8), [0.5], [1.0], "is no name for a model"),
        ("../m.onnx", (1, 8, 8), [0.5], [1.0], "is no name for a model"),
        ("m.onnx\n", (1, 8, 8), [0.5], [1.0], "is no name for a model"),
        ("m.onnx", (1, 8), [0.5], [1.0], "wants channels, height and width"),
        ("m.onnx", (1, 8, "8"), [0.5], [1.0], "wants channels, height and width"),
        ("m.onnx", (1, 8, True), [0.5], [1.0], "wants channels, height and width"),
        ("m.onnx", (1, 8, 8), ["0"], [1.0], "mean is ['0']; wants 1 numbers"),
        ("m.onnx", (1, 8, 8), "0", [1.0], "mean is '0'; wants 1 numbers"),
        ("m.onnx", (3, 8, 8), [0.5], [1.0], "mean is [0.5]; wants 3 numbers"),
        ("m.onnx", (1, 8, 8), [float("nan")], [1.0], "mean is [nan]"),
        ("m.onnx", (1, 8, 8), [0.5], [0], "std is [0.0]; nothing can be divided by that"),
    ],
)
def test_a_script_is_made_of_numbers_and_a_plain_name(file, inputs, mean, std, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        infer(file, SNIPPET, inputs, {"mean": mean, "std": std})


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "model.pte", "other.onnx", "sub/model.onnx", ""])
def test_a_model_has_the_name_of_its_runtime(tmp_path, believed, name):
    folder = forged(tmp_path / "out", {"facts.json": changed("facts.json", ("model",), name)})
    assert wrong(folder) == {"papers": f"facts.json: model is {name!r}; that of onnxruntime is model.onnx"}
    assert not believed


def test_a_runtime_that_runs_what_is_in_a_file_wants_trust(tmp_path, believed):
    facts = held("facts.json") | {"model": "model.pt2"}
    facts["runtime"]["use"] = "torch"
    folder = forged(tmp_path / "out", {"facts.json": json.dumps(facts).encode(), "model.pt2": b"PK"})
    said = "model.pt2 may hold code that torch runs when it is opened; if you trust whoever packed it, --trust-code"
    with pytest.raises(ValueError, match=f"^{re.escape(said)} opens it$"):
        list(verified(folder))
    assert code(folder) == 5
    assert any(finding.what == "val accuracy" for finding in verified(folder, trust_code=True))


def test_what_cannot_be_opened_here_is_no_fault_of_the_model(folder, believed, monkeypatch):
    monkeypatch.setattr(Onnxruntime, "absent", "onnxruntime is not installed: pip install onnxruntime")
    with pytest.raises(ValueError, match="onnxruntime is not installed: pip install"):
        list(verified(folder))


@pytest.mark.parametrize("name", ["model.onnx", "infer.py", "facts.json", "manifest.json", "README.md"])
def test_links_pipes_and_folders_are_not_followed(folder, believed, tmp_path, name):
    """The link leads to the very content that is wanted."""
    (tmp_path / "elsewhere").write_bytes((folder / name).read_bytes())
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "elsewhere")
    assert wrong(folder)[name] == "is a link; an export has none"
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert wrong(folder)[name] == "is no file"
    (folder / name).unlink()
    (folder / name).mkdir()
    assert wrong(folder)[name] == "is no file"
    assert not believed or name == "README.md"


def test_huge_files_are_not_read(folder, believed):
    for name, size in (("model.onnx", 2**33), ("facts.json", 2**24 + 1)):
        os.truncate(folder / name, size)  # takes no room on the disk
    found = wrong(folder)
    assert found["model.onnx"] == "has 8,589,934,592 bytes, more than 4,294,967,296"
    assert found["papers"] == "facts.json: has 16,777,217 bytes, more than 16,777,216"


def test_a_list_of_sums_is_whole_and_speaks_of_this_folder_alone(folder, believed, tmp_path):
    (tmp_path / "secret").write_text("x")
    lines = (folder / SUMS).read_text().splitlines(keepends=True)
    digest = hashlib.sha256(b"x").hexdigest()
    for name in ("../secret", str(tmp_path / "secret"), "\x1b[2Jclear", "a\0b"):
        (folder / SUMS).write_text("".join(lines) + f"{digest}  {name}\n")
        assert len(found := wrong(folder)) == 1
        assert all(c.isprintable() for c in str([*found, *found.values()]))
    for end in (lines[:-1], [*lines, lines[0]], [*lines, "x"], [], ["\n"], [*lines[:-1], lines[-1].rstrip()]):
        (folder / SUMS).write_text("".join(end))
        assert wrong(folder), end


def test_what_python_would_import_beside_the_script_is_named(folder, believed):
    (folder / "numpy.py").write_text("")
    (folder / "onnxruntime").mkdir()
    (folder / "onnxruntime" / "__init__.py").write_text("")
    (folder / "LICENSE").write_text("yours to say")
    text = "is code that infer.py could import, and no part of an export"
    assert wrong(folder) == {"numpy.py": text, "onnxruntime": text}
    assert wrong(folder, trust_code=True) == {}


def inside(location: str, deep: bool) -> bytes:
    """A model that takes its weights from another file, deep: in a graph within its graph."""
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value=location)
    graph = helper.make_graph([], "inner", [], [], [weights])
    if deep:
        graph = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=graph)], "outer", [], [])
    return helper.make_model(graph).SerializeToString()


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "weights.safetensors"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_model_that_takes_weights_from_another_file_is_not_opened(tmp_path, believed, location, deep):
    folder = forged(tmp_path / "out", {"model.onnx": inside(location, deep)})
    said = f"takes weights from another file ({location}), so it is not opened; an export is one file"
    assert wrong(folder) == {"model.onnx": said}
    assert not believed


def test_a_stranger_does_not_say_where_data_are_written(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(verify, "loaded", lambda data: asked.append(data) or DATA)
    data = {"use": "torchvision", "name": "mnist", "root": str(tmp_path / "theirs"), "download": True}
    folder = forged(tmp_path / "out", {"facts.json": changed("facts.json", ("data",), data)})
    monkeypatch.setattr(verify, "_again", lambda *given: (0.0, "here"))
    monkeypatch.setattr(verify, "_ran", lambda *given: "")
    list(verified(folder))
    list(verified(folder, trust_code=True))
    assert [settings["download"] for settings in asked] == [False, True]


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("", "wants to be told 'accuracy 0.9 on 359 images', was told ''"),
        ("print('accuracy', 'high', 'on', 359, 'images')", "was told 'accuracy high on 359 images'"),
        ("print('accuracy nan on 359 images')", "was told 'accuracy nan on 359 images'"),
        ("print('accuracy 0.9')", "was told 'accuracy 0.9'"),
        ("print('accuracy 0.900000 on 3 images')", "accuracy 0.900000 on 3 images, but it was given 359"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "was told '\ufffd\ufffd'"),
        ("import sys; sys.exit('no such thing')", "no such thing"),
        ("import os; os._exit(3)", "failed without a word (exit status 3)"),
        ("import os; os.kill(os.getpid(), 9)", "failed without a word (exit status -9)"),
        ("import os, time; os.fork(); time.sleep(60)", "no answer after 1 s"),
    ],
)
def test_a_script_that_does_not_answer_is_told_in_words(folder, monkeypatch, script, text):
    monkeypatch.setattr(verify, "_again", lambda *given: (0.0, "here"))
    monkeypatch.setattr(verify, "_data", lambda *given: DATA)
    monkeypatch.setattr(verify, "PATIENCE", 1.0 if "sleep" in script else 60.0)
    facts = held("facts.json") | {"test_accuracy": None}
    forged(folder, {"infer.py": script.encode(), "facts.json": json.dumps(facts).encode()})
    assert text in wrong(folder, trust_code=True)["infer.py on val"]


def test_a_file_that_cannot_be_run_is_told_in_words(tmp_path):
    np.savez(tmp_path / "images.npz", x=DATA.val.x[:2], y=DATA.val.y[:2])
    (tmp_path / "model.onnx").write_bytes(b"no model")
    question = {"runtime": {"use": "onnxruntime"}, "file": str(tmp_path / "model.onnx"), "mean": [0], "std": [1]}
    with pytest.raises(Failure, match=r"^it: .*model\.onnx: ONNX Runtime cannot read it"):
        ask("again", question | {"images": str(tmp_path / "images.npz")}, "it", 60.0)


def test_a_process_that_dies_is_a_finding(folder, believed, monkeypatch):
    def dies(*given: Any) -> None:
        raise Failure("measure", "model.onnx cannot be run: exit status -11")

    monkeypatch.setattr(verify, "_again", dies)
    assert wrong(folder)["val accuracy"] == "model.onnx cannot be run: exit status -11"
    assert code(folder) == 4


def test_papers_that_name_no_accuracy_prove_nothing(tmp_path, believed):
    facts = held("facts.json") | {"measurements": [], "test_accuracy": None}
    folder = forged(tmp_path / "out", {"facts.json": json.dumps(facts).encode()})
    assert wrong(folder) == {"papers": "facts.json names no accuracy, so there is nothing to compare with"}


def test_weights_of_another_model_are_found(tmp_path, believed):
    folder = forged(tmp_path / "out", {"weights.safetensors": b"others"})
    assert wrong(folder) == {"weights.safetensors": "are not those of manifest.json"}


def test_data_that_are_not_here_or_not_the_same_are_no_fault_of_the_model(tmp_path, believed):
    data = {"use": "npz", "path": str(tmp_path / "none.npz")}
    folder = forged(tmp_path / "out", {"facts.json": changed("facts.json", ("data",), data)})
    with pytest.raises(
        ValueError, match=r"^the data it was measured on cannot be read here: .*none\.npz: no such file$"
    ):
        list(verified(folder))
    forged(folder, {"facts.json": changed("facts.json", ("data",), {"use": "digits", "sied": 8})})
    with pytest.raises(ValueError, match="sied"):
        list(verified(folder))
    manifest = held("manifest.json") | {"inputs": [1, 9, 8]}
    script = infer("model.onnx", SNIPPET, (1, 9, 8), manifest["normalise"])
    forged(folder, {"manifest.json": json.dumps(manifest).encode(), "infer.py": script.encode()})
    with pytest.raises(
        ValueError, match="images of 'digits' here are 1 x 8 x 8, those of the model 1 x 9 x 8: not the"
    ):
        list(verified(folder))


@pytest.mark.parametrize("name", sorted(packed()))
def test_a_file_that_is_gone_or_cut_is_never_ok(folder, believed, name):
    content = packed()[name]
    for length in sorted({0, 1, len(content) // 2, len(content) - 1}):
        (folder / name).write_bytes(content[:length])
        assert code(folder) == 4, length
        assert folder / name not in believed
    (folder / name).unlink()
    assert code(folder) == (5 if name == SUMS else 4)


@pytest.mark.parametrize("name", sorted(packed().keys() - {SUMS}))
def test_a_file_that_is_gone_or_cut_is_told_in_words_even_if_the_sums_agree(tmp_path, believed, name):
    content, prose = packed()[name].strip(), name in ("README.md", "preprocessing.json", "classes.json")
    for length in (0, 1, len(content) // 2, len(content) - 1):
        folder = forged(tmp_path / "out", {name: content[:length]})
        assert code(folder) == (0 if prose else 4), length


def places(tree: Any, before: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*before, key), value
        if isinstance(value, dict | list):
            yield from places(value, (*before, key))


def others(value: Any) -> list[Any]:
    """Values of other types. What may be missing may be null; a whole number is a number, too."""
    kinds = {str: "x", bool: True, float: 7.5, list: [], dict: {}}
    same = {float, int} if isinstance(value, float) else {type(value)}
    return [other for kind, other in kinds.items() if kind not in same]


def wrongs(name: str, step: int) -> Iterator[tuple[tuple, Any]]:
    """Each value of a paper and what may stand in its place, every `step`-th: no kind of value at all places."""
    every = ((place, other) for place, value in places(held(name)) for other in [*others(value), None])
    return islice(every, 0, None, step)


some_or_all = pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])


@some_or_all
@pytest.mark.parametrize("name", [name for name in sorted(packed()) if name.endswith(".json")])
def test_a_value_of_another_type_is_never_ok(folder, believed, name, step, capsys):
    for place, other in wrongs(name, step):
        (folder / name).write_bytes(changed(name, place, other))
        assert code(folder) in (4, 5), (place, other)
    capsys.readouterr()


@some_or_all
@pytest.mark.parametrize("name", PAPERS)
def test_a_value_of_another_type_is_never_ok_even_if_the_sums_agree(tmp_path, believed, name, step, capsys):
    told = {"recipe", "student", "quantizer"}  # nothing is made of what is in them
    for place, other in wrongs(name, step):
        found = code(forged(tmp_path / "out", {name: changed(name, place, other)}))
        if not told & set(place) and other is not None:
            assert found in (4, 5), (place, other)
        assert found in (0, 4, 5)
    for key in held(name):
        left = {one: value for one, value in held(name).items() if one != key}
        found = code(forged(tmp_path / "out", {name: json.dumps(left).encode()}))
        assert found == (0 if key == "torch" else 4), key
    capsys.readouterr()


@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize(
    "content",
    [b"null", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b'{"schema": NaN}', b"\0"],
    ids=range(9),
)
def test_papers_that_are_no_papers_are_told_in_words(tmp_path, believed, name, content):
    folder = forged(tmp_path / "out", {name: content})
    assert wrong(folder)["papers"].startswith(f"{name}: ")


def test_what_is_said_obeys_no_terminal_and_ends():
    text = verify._plain("a\x1b[31m\nb\r\u202ec" + "x" * 10_000)
    assert text.startswith("a [31m b c")
    assert len(text) < 600
