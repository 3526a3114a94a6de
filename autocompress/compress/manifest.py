"""A model on disk: weights as safetensors, everything else as JSON. No pickle, and no pruning library to load it."""

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import nn

from autocompress.compress.layers import reshape, sized, width
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.students.base import Scale
from autocompress.plugin import make

SCHEMA = "autocompress.model/v1"
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"


def save(model: Model, folder: Path, *, mean: Sequence[float], std: Sequence[float]) -> None:
    """Two files, the manifest last: a folder that has one is whole. A model's input is `(x / 255 - mean) / std`."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in model.net.state_dict().items()}
    weights = bytes_of(state)
    manifest = {
        "schema": SCHEMA,
        "student": model.student,
        "inputs": list(model.inputs),
        "classes": model.classes,
        "widths": _widths(model.net),
        "quantizer": model.quantizer,
        "sparse": list(model.sparse),
        "normalise": {"mean": list(mean), "std": list(std)},
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "torch": torch.__version__,
    }
    _write(folder / WEIGHTS, weights)
    _write(folder / MANIFEST, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def load(folder: Path) -> Model:
    """The model that was saved, rebuilt from its student's settings and its widths. What is wrong is a ValueError."""
    manifest = read(folder)
    file = folder / WEIGHTS
    try:
        weights = file.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{file}: no such file, but {MANIFEST} is there") from None
    if hashlib.sha256(weights).hexdigest() != manifest["weights_sha256"]:
        raise ValueError(f"{file}: its SHA-256 is not the one in {MANIFEST}; the file is damaged or of another model")
    model = Model.fresh(manifest["student"], tuple(manifest["inputs"]), manifest["classes"], seed=0)
    if manifest["quantizer"]:
        model = make(Quantizer, manifest["quantizer"]).placed(model)
    try:
        state = tensors_of(weights)
        reshape(model.net, {name: value.shape for name, value in state.items()})
        versioned = OrderedDict(state)
        versioned._metadata = model.net.state_dict()._metadata  # type: ignore[attr-defined]  # some layers ask for it
        model.net.load_state_dict(versioned, strict=True)  # nothing missing, nothing left over
        if _widths(model.net) != manifest["widths"]:
            raise KeyError("the widths in the manifest are others")
    except (SafetensorError, RuntimeError, AttributeError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{folder}: the weights do not fit {manifest['student']}: {reason}") from error
    normalise = manifest["normalise"]
    return replace(
        model,
        quantizer=manifest["quantizer"],
        sparse=tuple(manifest["sparse"]),
        scale=Scale(tuple(normalise["mean"]), tuple(normalise["std"])),
    )


def read(folder: Path) -> dict[str, Any]:
    """The manifest alone."""
    file = folder / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder}: no {MANIFEST} in it, so no model") from None
    except ValueError as error:
        raise ValueError(f"{file}: not JSON ({error})") from error
    found = manifest.get("schema") if isinstance(manifest, dict) else None
    if found != SCHEMA:
        raise ValueError(f"{file}: wants schema {SCHEMA!r}, found {found!r}")
    wanted = ("student", "inputs", "classes", "widths", "quantizer", "sparse", "normalise", "weights_sha256")
    missing = [key for key in wanted if key not in manifest]
    if missing:
        raise ValueError(f"{file}: {', '.join(missing)} missing")
    return dict(manifest)


def _widths(net: nn.Module) -> dict[str, list[int]]:
    return {name: list(width(layer)) for name, layer in sized(net).items()}


def _write(file: Path, content: bytes) -> None:
    """All of it or nothing, and on the disk when this returns."""
    draft = file.with_suffix(file.suffix + ".part")
    with draft.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
