"""Is a model that was handed over still what its papers say? Its files, its accuracy, and its own script are tried."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.data.base import Data, Dataset, Split, loaded
from autocompress.measure.accuracy import accuracy, answers
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import find, make
from autocompress.reports.card import infer
from autocompress.reports.parcel import FACTS, SCHEMA, SUMS

PATIENCE = 600.0  # seconds for the script
SAME = 0.0005  # accuracies as the script prints them, and other machines' last bits


@dataclass(frozen=True)
class Finding:
    what: str
    right: bool
    text: str


def verified(folder: Path, *, trust_code: bool = False) -> Iterator[Finding]:
    """Finding by finding. Code of strangers runs only if it is trusted: a data function, a script that was changed."""
    yield from _sums(folder)
    facts = _facts(folder)
    if not trust_code and find(Data, facts["data"]["use"]).runs_code:
        text = f"its data are made by {facts['data'].get('function')}, code of whoever packed it; --trust-code runs it"
        raise ValueError(text)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    normalise = manifest["normalise"]
    data = replace(loaded(facts["data"]), mean=tuple(normalise["mean"]), std=tuple(normalise["std"]))
    known = {m["metric"]: m["value"] for m in facts["measurements"]}
    tested = facts["test_accuracy"]
    for split, said in (("val", known.get("accuracy")), ("test", tested and tested["value"])):
        if said is not None:
            yield _again(folder, facts, data, getattr(data, split), split, said)
            yield _script(folder, facts, manifest, getattr(data, split), split, said, trust_code)


def _sums(folder: Path) -> Iterator[Finding]:
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ValueError(f"{folder}: no {SUMS} in it, so nothing that autocompress exported") from None
    said = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name, digest in said.items():
        file = folder / Path(name).name  # a list may not point elsewhere
        found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
        text = "is not there" if found is None else "as it was packed" if found == digest else "has been changed"
        yield Finding(name, found == digest, text)


def _facts(folder: Path) -> dict[str, Any]:
    file = folder / FACTS
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder}: no {FACTS} in it") from None
    except ValueError as error:
        raise ValueError(f"{file}: not JSON ({error})") from error
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise ValueError(f"{file}: wants schema {SCHEMA!r}")
    return facts


def _again(folder: Path, facts: dict[str, Any], data: Dataset, split: Split, name: str, said: float) -> Finding:
    runtime = make(Runtime, {name: facts["runtime"][name] for name in ("use", "threads")})
    found = accuracy(answers(runtime.open(folder / facts["model"]), data.shown(split)), split.y, "").value
    return Finding(f"{name} accuracy", abs(found - said) <= SAME, f"{found:.4%} in {runtime.version}, said {said:.4%}")


def _script(
    folder: Path, facts: dict[str, Any], manifest: dict[str, Any], split: Split, name: str, said: float, trusted: bool
) -> Finding:
    what, file = f"infer.py on {name}", folder / "infer.py"
    snippet = find(Runtime, facts["runtime"]["use"]).snippet
    ours = infer(facts["model"], snippet._asdict(), manifest["inputs"], manifest["normalise"])
    if not trusted and file.read_text(encoding="utf-8") != ours:
        return Finding(what, False, "is not as this version writes it, so it was not run; --trust-code runs it")
    with tempfile.TemporaryDirectory(prefix="autocompress-") as place:
        images = Path(place) / "images.npz"
        np.savez(images, x=split.x[:], y=split.y)
        command = [sys.executable, "-P", str(file.resolve()), str(images)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=place)
        except subprocess.TimeoutExpired:
            return Finding(what, False, f"no answer after {PATIENCE:g} s")
    if done.returncode:
        return Finding(what, False, (done.stderr.strip().splitlines() or ["failed without a word"])[-1])
    found = float(done.stdout.split()[1])
    return Finding(what, abs(found - said) <= SAME, done.stdout.strip())
