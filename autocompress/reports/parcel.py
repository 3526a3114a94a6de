"""What is handed over when a model leaves a study: a folder that says of itself what it is, and can be checked."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autocompress.reports.card import card, infer
from autocompress.reports.view import StudyView
from autocompress.values.measurement import Measurement
from autocompress.values.trial import Trial

SCHEMA = "autocompress.export/v1"
SUMS = "SHA256SUMS"
FACTS = "facts.json"
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
SHOWN = "preprocessing.json"
SCRIPT = "infer.py"
CARD = "README.md"
NAMES = {
    "weights": WEIGHTS,
    "manifest": MANIFEST,
    "classes": "classes.json",
    "stored": "stored.json",
}


def parcel(view: StudyView, trial: Trial, artifacts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Name and content of each file; `artifacts` are the trial's, by role."""
    manifest = json.loads(artifacts["manifest"])
    runtime = json.loads(artifacts["runtime"])
    names = json.loads(artifacts["classes"])["classes"] if "classes" in artifacts else []
    file = f"model{runtime['suffix']}"
    shown = preprocessing(manifest, runtime["layout"])
    found = {
        file: artifacts["model"],
        **{name: artifacts[role] for role, name in NAMES.items() if role in artifacts},
        SHOWN: _json(shown),
        SCRIPT: infer(file, runtime["snippet"], manifest["inputs"], manifest["normalise"]).encode(),
        CARD: card(view, trial, file, tuple(names)).encode(),
        FACTS: _json(facts(view, trial, file, runtime)),
    }
    return found | {SUMS: sums(found)}


def facts(view: StudyView, trial: Trial, file: str, runtime: Mapping[str, Any]) -> dict[str, Any]:
    tested = view.test_accuracy.get(trial.number)
    return {
        "schema": SCHEMA,
        "study": view.spec.name,
        "hash": view.spec.hash,
        "trial": trial.number,
        "recipe": trial.recipe.tree,
        "model": file,
        "runtime": {name: runtime[name] for name in ("use", "threads", "version")},
        "data": view.spec.data,
        "measurements": [m.model_dump(mode="json") for m in trial.measurements],
        "test_accuracy": _dumped(tested),
        "environment": view.environment,
    }


def preprocessing(manifest: Mapping[str, Any], layout: str) -> dict[str, Any]:
    """What the file wants to see, for those who write their own code around it."""
    sizes: dict[str, Any] = {"N": "n", **dict(zip("CHW", manifest["inputs"], strict=True))}
    return {
        "schema": "autocompress.preprocessing/v1",
        "layout": layout,
        "shape": [sizes[axis] for axis in layout],
        "dtype": "float32; a file that takes integers says itself by which scale",
        "from": "pixels of 0 to 255, colours as RGB",
        "formula": "(x / 255 - mean) / std, per channel",
        "mean": manifest["normalise"]["mean"],
        "std": manifest["normalise"]["std"],
        "output": {"shape": ["n", manifest["classes"]], "meaning": "logits; the largest is the answer"},
    }


def sums(files: Mapping[str, bytes]) -> bytes:
    """As `sha256sum` writes and reads them."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())
    ).encode()


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """The sums last: a folder that has them is whole. What an earlier export left of its papers goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (SUMS, *NAMES.values()):
        (folder / name).unlink(missing_ok=True)
    for name, content in sorted(files.items(), key=lambda item: item[0] == SUMS):
        (folder / name).write_bytes(content)


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _dumped(m: Measurement | None) -> dict[str, Any] | None:
    return m.model_dump(mode="json") if m else None
