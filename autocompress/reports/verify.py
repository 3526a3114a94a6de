"""Is a model that was handed over still what its papers say? Its files, its accuracy, and its own script are tried."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.data.base import Data, Dataset, Split, loaded
from autocompress.errors import Failure
from autocompress.measure.child import ask
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import find, make
from autocompress.reports.card import infer
from autocompress.reports.papers import Facts, Manifest, content, opened, paper
from autocompress.reports.parcel import CARD, FACTS, MANIFEST, NAMES, SCRIPT, SHOWN, SUMS, WEIGHTS
from autocompress.values.measurement import by_metric

PATIENCE = 600.0  # seconds for the file, and for the script, on one split
SAME = 0.0005  # accuracies as the script prints them, and other machines' last bits
ALWAYS = (FACTS, MANIFEST, SCRIPT, SHOWN, CARD)  # and the model


@dataclass(frozen=True)
class Finding:
    what: str
    right: bool
    text: str


def verified(folder: Path, *, trust_code: bool = False) -> Iterator[Finding]:
    """Finding by finding; a ValueError says why it cannot be tried here, and what to do.

    Code of strangers runs only if it is trusted: a data function, a script that was changed, a file that holds code.
    """
    try:
        for finding in _findings(folder, trust_code):
            yield Finding(_plain(finding.what), finding.right, _plain(finding.text))
    except (Failure, ValueError, OSError) as error:
        raise ValueError(_plain(str(error))) from error


def _findings(folder: Path, trusted: bool) -> Iterator[Finding]:
    listed = yield from _sums(folder)
    if not trusted:
        yield from _beside(folder)
    try:
        facts, manifest = paper(folder, FACTS, Facts), paper(folder, MANIFEST, Manifest)
    except ValueError as error:
        yield Finding("papers", False, str(error))
        return
    kind, file = find(Runtime, facts.runtime.use), facts.model
    if file != f"model{kind.suffix}":
        yield Finding("papers", False, f"{FACTS}: model is {file!r}; that of {facts.runtime.use} is model{kind.suffix}")
        return
    if file not in listed:
        yield Finding(file, False, f"is not in {SUMS}")
    if listed.get(WEIGHTS) not in (None, "", manifest.weights_sha256):
        yield Finding(WEIGHTS, False, f"are not those of {MANIFEST}")
    _demand(facts, kind, trusted)
    with tempfile.TemporaryDirectory(prefix="autocompress-") as place:
        try:
            model, script = _taken(folder, Path(place), facts, manifest, kind, trusted)
        except ValueError as error:
            yield Finding(file, False, str(error).removeprefix(f"{file}: "))
            return
        yield from _tried(facts, manifest, model, script, trusted)


def _sums(folder: Path) -> Generator[Finding, None, Mapping[str, str]]:
    """Returns the digests of the files that are listed; empty for those that are not what they were."""
    if not (folder / SUMS).is_file():
        raise ValueError(f"{folder}: no {SUMS} in it, so nothing that autocompress exported")
    found: dict[str, str] = {}
    lines = content(folder, SUMS).decode("utf-8", "replace").splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        parts = re.fullmatch(r"([0-9a-f]{64})  (.+)\n", line)
        if parts is None or parts[2] in found:
            yield Finding(SUMS, False, f"line {number} is cut off, doubled, or none of `sha256sum`")
            continue
        digest, name = parts[1], parts[2]
        try:
            with opened(folder, name) as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except ValueError as error:
            yield Finding(name, False, str(error).removeprefix(f"{name}: "))
            same = False
        else:
            yield Finding(name, same, "as it was packed" if same else "has been changed")
        found[name] = digest if same else ""
    for name in (*ALWAYS, *(name for name in NAMES.values() if name not in ALWAYS and (folder / name).exists())):
        if name not in found:
            yield Finding(name, False, f"is not in {SUMS}")
    return found


def _beside(folder: Path) -> Iterator[Finding]:
    """`python infer.py` looks for numpy in the script's own folder first."""
    for entry in sorted(folder.iterdir()):
        package = any((entry / f"__init__{suffix}").exists() for suffix in all_suffixes())
        if package or (entry.name.endswith(tuple(all_suffixes())) and entry.name != SCRIPT):
            yield Finding(entry.name, False, f"is code that {SCRIPT} could import, and no part of an export")


def _demand(facts: Facts, kind: type[Runtime], trusted: bool) -> None:
    """What has to be so before anything is opened."""
    if not trusted and find(Data, facts.data["use"]).runs_code:
        text = f"its data are made by {facts.data.get('function')}, code of whoever packed it; --trust-code runs it"
        raise ValueError(text)
    if not trusted and kind.runs_code:
        text = f"{facts.model} may hold code that {facts.runtime.use} runs when it is opened"
        raise ValueError(f"{text}; if you trust whoever packed it, --trust-code opens it")
    if lack := make(Runtime, {"use": facts.runtime.use}).absent:
        raise ValueError(lack)


def _taken(
    folder: Path, place: Path, facts: Facts, manifest: Manifest, kind: type[Runtime], trusted: bool
) -> tuple[Path, Path | str]:
    """The model, alone in a place of ours, and the script that may run, or why none may."""
    model = place / facts.model
    with opened(folder, facts.model) as source, model.open("wb") as target:
        shutil.copyfileobj(source, target)
    if model.suffix == ".onnx":
        from autocompress.measure.alone import elsewhere

        if other := elsewhere(model):
            raise ValueError(f"takes weights from another file ({other}), so it is not opened; an export is one file")
    ours = infer(facts.model, kind.snippet._asdict(), manifest.inputs, manifest.normalise.model_dump())
    try:
        same = content(folder, SCRIPT) == ours.encode()
    except ValueError as error:
        return model, str(error).removeprefix(f"{SCRIPT}: ")
    if same:
        (place / SCRIPT).write_text(ours, encoding="utf-8")
        return model, place / SCRIPT
    if trusted:
        return model, folder.resolve() / SCRIPT
    return model, "is not as this version writes it, so it was not run; --trust-code runs it"


def _tried(facts: Facts, manifest: Manifest, model: Path, script: Path | str, trusted: bool) -> Iterator[Finding]:
    known, tested = by_metric(facts.measurements).get("accuracy"), facts.test_accuracy
    if known is None and tested is None:
        yield Finding("papers", False, f"{FACTS} names no accuracy, so there is nothing to compare with")
        return
    data = _data(facts, manifest, trusted)
    if data.inputs != manifest.inputs:
        shapes = f"{_by(data.inputs)}, those of the model {_by(manifest.inputs)}"
        raise ValueError(f"the images of {facts.data['use']!r} here are {shapes}: not the data of the study")
    for name, said in (("val", known), ("test", tested)):
        if said is None:
            continue
        split: Split = getattr(data, name)
        images = model.with_name("images.npz")
        np.savez(images, x=split.x[:], y=split.y)
        what = (f"{name} accuracy", f"{SCRIPT} on {name}")
        try:
            found, by = _again(facts, data, model, images)
            yield Finding(what[0], abs(found - said.value) <= SAME, f"{found:.4%} in {by}, said {said.value:.4%}")
        except (Failure, ValueError, LookupError, TypeError) as error:  # no answer, or none that can be read
            yield Finding(what[0], False, str(error))
        if isinstance(script, str):
            yield Finding(what[1], False, script)
            continue
        try:
            line = _ran(script, images)
            yield Finding(what[1], abs(_said(line, len(split)) - said.value) <= SAME, line)
        except ValueError as error:
            yield Finding(what[1], False, str(error))


def _data(facts: Facts, manifest: Manifest, trusted: bool) -> Dataset:
    settings = dict(facts.data)
    if "root" in settings and not trusted:
        settings["download"] = False  # a stranger does not say where something is written
    try:
        data = loaded(settings)
    except Exception as error:  # settings that nobody has checked, for readers of any kind of file
        text = str(error).strip() or type(error).__name__
        raise ValueError(f"the data it was measured on cannot be read here: {text}") from error
    return replace(data, mean=manifest.normalise.mean, std=manifest.normalise.std)


def _again(facts: Facts, data: Dataset, model: Path, images: Path) -> tuple[float, str]:
    runtime = make(Runtime, {"use": facts.runtime.use, "threads": min(facts.runtime.threads, os.cpu_count() or 1)})
    question = {
        "runtime": {"use": facts.runtime.use, "threads": runtime.threads},
        "file": str(model),
        "images": str(images),
        "mean": data.mean,
        "std": data.std,
    }
    answer = ask("again", question, f"{model.name} cannot be run", PATIENCE, runtime.threads)
    return float(answer["accuracy"]), runtime.version


def _ran(script: Path, images: Path) -> str:
    """The last line it says."""
    command = [sys.executable, "-P", str(script), str(images)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=images.parent, start_new_session=True
        )
        try:
            code = done.wait(PATIENCE)
        except BaseException as error:
            os.killpg(done.pid, signal.SIGKILL)  # with all that it started
            done.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise ValueError(f"no answer after {PATIENCE:g} s") from None
            raise
        said = _last(err if code else out)
    if code:
        raise ValueError(said or f"failed without a word (exit status {code})")
    return said


def _last(file: Any) -> str:
    """Line of a file, of which the end is enough."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
    lines: list[str] = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def _said(line: str, images: int) -> float:
    parts = re.fullmatch(r"accuracy ([01]\.\d+) on (\d{1,12}) images", line, re.ASCII)
    if parts is None:
        raise ValueError(f"wants to be told 'accuracy 0.9 on {images} images', was told {line!r}")
    if int(parts[2]) != images:
        raise ValueError(f"{line}, but it was given {images}")
    return float(parts[1])


def _by(inputs: tuple[int, int, int]) -> str:
    return " x ".join(map(str, inputs))


def _plain(text: str) -> str:
    """On one line, and nothing that a terminal would obey."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown if len(shown) <= 500 else f"{shown[:500]} ..."
