"""A model on disk: weights as safetensors, everything else as JSON. No pickle, and no pruning library to load it."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from autocompress.compress.model import Model
from autocompress.compress.students.base import Scale

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
        "widths": {name: list(_width(layer)) for name, layer in _layers(model.net)},
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
    try:
        state = tensors_of(weights)
        for name, width in manifest["widths"].items():
            _resize(model.net.get_submodule(name), width)
        _fill(model.net, state)
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


def _layers(net: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, m) for name, m in net.named_modules() if isinstance(m, _ConvNd | nn.Linear | _BatchNorm)]


def _width(layer: nn.Module) -> tuple[int, int, int]:
    """Channels in, channels out, groups."""
    match layer:
        case _ConvNd():
            return layer.in_channels, layer.out_channels, layer.groups
        case nn.Linear():
            return layer.in_features, layer.out_features, 1
        case _BatchNorm():
            return layer.num_features, layer.num_features, 1
    raise AssertionError(layer)


def _resize(layer: nn.Module, width: Sequence[int]) -> None:
    """What the layer says of itself; its tensors follow in `_fill`."""
    match layer:
        case _ConvNd():
            layer.in_channels, layer.out_channels, layer.groups = width
        case nn.Linear():
            layer.in_features, layer.out_features = width[:2]
        case _BatchNorm():
            layer.num_features = width[0]


def _fill(net: nn.Module, state: dict[str, Tensor]) -> None:
    """Give each tensor the saved one's shape, then load strictly: nothing missing, nothing left over."""
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if name in state and state[name].shape != tensor.shape:
            tensor.data = torch.empty_like(state[name])
    net.load_state_dict(state, strict=True)


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
