"""The schemas that editors use agree with the reader: what the reader accepts they never refuse."""

import copy
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from autocompress.config.diagnostic import ConfigError
from autocompress.config.document import parsed, read
from autocompress.config.load import check, load_space, load_study
from autocompress.config.schema import KINDS_OF_FILE, FileKind, schema
from autocompress.config.shipped import root
from autocompress.config.starter import starter
from autocompress.values.space import holes

SHIPPED = [path for folder in ("search_spaces", "studies") for path in sorted((root() / folder).rglob("*.yaml"))]
VALIDATORS = {kind: Draft202012Validator(schema(kind)) for kind in KINDS_OF_FILE}
VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        1,
        -1,
        2.5,
        "none",
        "auto",
        "x",
        "",
        "5 ms",
        "1 kB",
        "90 %",
        "3",
        [],
        {},
        [1],
        [8, 32],
        ["accuracy"],
    ),
    *({"use": "tpe"}, {"choice": ["none"]}, {"int": [1, 4]}, {"float": [0.1, 0.5]}, {"max": "1 kB"}, {"min": "90 %"}),
]


def kind_of(data: Any) -> FileKind:
    kind: FileKind = data["schema"].removeprefix("autocompress.").removesuffix("/v1")
    return kind


@pytest.mark.parametrize("kind", KINDS_OF_FILE)
def test_it_is_a_schema(kind: FileKind) -> None:
    Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_files_pass_both(path: Path) -> None:
    data = read(path)[0].data
    assert check(path) == f"autocompress.{kind_of(data)}/v1"
    VALIDATORS[kind_of(data)].validate(data)


def test_starter_files_pass_both(tmp_path: Path) -> None:
    files = starter()
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for kind in KINDS_OF_FILE:
        text = files[f"{kind}.yaml"]
        assert text.startswith(f"# yaml-language-server: $schema=./schemas/{kind}.schema.json\n")
        assert json.loads(files[f"schemas/{kind}.schema.json"]) == schema(kind)
        assert check(tmp_path / f"{kind}.yaml") == f"autocompress.{kind}/v1"
        VALIDATORS[kind].validate(parsed(text, "x", Path("x"))[0].data)


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [at, *(place for key, value in below for place in places(value, (*at, key)))]


def mutated(data: Any, rng: random.Random) -> Any:
    """One value replaced, removed or added somewhere."""
    data = copy.deepcopy(data)
    *way, last = rng.choice(places(data)[1:])
    parent = data
    for step in way:
        parent = parent[step]
    what = rng.random()
    if what < 0.2:
        del parent[last]
    elif what < 0.3 and isinstance(parent, dict):
        parent["stranger"] = 1
    else:
        parent[last] = rng.choice(VALUES)
    return data


@pytest.mark.parametrize("many", [20, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_the_schema_never_refuses_what_the_reader_accepts(path: Path, many: int) -> None:
    rng, data = random.Random(path.stem), read(path)[0].data
    if kind_of(data) == "analysis":  # up to nineteen studies in up to three sizes: two of them are enough
        data["each"] = dict(list(data.get("each", {}).items())[:2])
        for size in ("reduced", "smoke"):
            data[size] = {key: value for key, value in data.get(size, {}).items() if key != "each"}
    validator, accepted, caught = VALIDATORS[kind_of(data)], 0, 0
    many = many // 10 if kind_of(data) == "analysis" else many  # each of them is up to nineteen studies
    for turn in range(200):
        if turn >= many and accepted and caught:
            break
        wrong = mutated(data, rng)
        try:
            check(path, source=json.dumps(wrong))
        except ConfigError:
            caught += not validator.is_valid(wrong)
        else:
            accepted += 1
            errors = [f"{e.json_path}: {e.message[:200]}" for e in validator.iter_errors(wrong)]
            assert not errors, json.dumps(wrong)
    assert accepted
    assert caught


def test_inline_devices_and_spaces_are_completed_too() -> None:
    text = (root() / "studies" / "quickstart.yaml").read_text()
    text = text.replace("space: digits_cnn", "space: {student: cnn, stages: [finetune, null, none]}")
    text = text.replace(
        "device: this-machine", "device: {extends: raspberry-pi-5, runtime: {threads: 4}, memory: null}"
    )
    spec = load_study("x.yaml", source=text)
    assert spec.device is not None
    assert spec.device.runtime.threads == 4
    VALIDATORS["study"].validate(parsed(text, "x", Path("x"))[0].data)


def test_the_digits_space_has_the_holes_it_promises() -> None:
    found = dict(holes(load_space("digits_cnn")))
    assert {"student", "stages.0", "stages.0.distill.method", "stages.0.prune", "stages.2"} <= set(found)


def test_schemas_need_no_torch() -> None:
    code = "import sys, autocompress.config.starter as s; s.starter(); print({'torch', 'optuna'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
