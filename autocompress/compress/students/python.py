"""A network of your own, written in Python."""

import hashlib
import inspect
import os
import pickle
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from safetensors.torch import load_file
from torch import Tensor, nn

from autocompress.compress.students._dry_run import at_rest
from autocompress.compress.students._find_parts import find_parts, remember, remembered
from autocompress.compress.students.base import Parts, Scale, Student
from autocompress.plugin import Function, own

SAFE = ".safetensors"
TRUST = "AUTOCOMPRESS_TRUST_CODE"  # what --trust-code sets, for workers too


class Python(Student):
    """The torch module that `function: package.module:name` returns for (inputs, classes, **kwargs).

    `inputs` is (channels, height, width). `weights` is a file of its state, in safetensors. `stages` and `head` name
    modules; they are looked for if they are not set. `mean` and `std` are the scale that the weights were trained at.
    """

    runs_code: ClassVar[bool] = True

    function: Function
    kwargs: dict[str, Any] = Field({})
    weights: str | None = None
    mean: tuple[float, ...] | None = None  # per channel, of pixels scaled to [0, 1]
    std: tuple[float, ...] | None = None
    stages: tuple[str, ...] | None = None  # outputs of these: maps (B, C, H, W) or tokens (B, T, C)
    head: str | None = None

    @model_validator(mode="after")
    def _clear(self) -> "Python":
        if self.weights and not self.weights.endswith(SAFE) and not os.environ.get(TRUST):
            raise ValueError(
                f"weights: {self.weights} may run any code when it is opened; convert it to safetensors, with "
                "safetensors.torch.save_file(net.state_dict(), FILE), or say --trust-code if you trust its author"
            )
        if (self.mean is None) != (self.std is None) or len(self.mean or ()) != len(self.std or ()):
            raise ValueError("mean, std: want as many numbers of the one as of the other")
        if not all(number > 0 for number in self.std or ()):
            raise ValueError("std: pixels are divided by it, so it must be above 0")
        return self

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        net = self._call(inputs, classes)
        try:
            with at_rest(net):
                answer, found = find_parts(net, lambda: net(torch.zeros(2, *inputs)), classes)
        except Exception as error:  # it is anybody's code
            raise ValueError(f"{self.function} cannot take images of {inputs}: {error}") from error
        if not isinstance(answer, Tensor) or answer.shape != (2, classes):
            got = f"a tensor of {tuple(answer.shape)}" if isinstance(answer, Tensor) else type(answer).__name__
            raise ValueError(f"{self.function} must answer 2 images with logits of {(2, classes)}, got {got}")
        remember(net, self._chosen(net, found, classes))
        return net

    def _call(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        try:
            net = own(self.function)(inputs, classes, **self.kwargs)
        except Exception as error:  # it is anybody's code
            raise ValueError(f"function: {self.function} failed with {type(error).__name__}: {error}") from error
        if not isinstance(net, nn.Module):
            raise ValueError(f"function: {self.function} must return a torch.nn.Module, got {type(net).__name__}")
        return net

    def _chosen(self, net: nn.Module, found: Parts, classes: int) -> Parts:
        parts = Parts(self.stages or found.stages, self.head or found.head)
        modules = dict(net.named_modules())
        for setting, names in (("stages", parts.stages), ("head", (parts.head,))):
            if names in ((), ("",)):
                what = "its classifier" if setting == "head" else "the modules that end its stages"
                raise ValueError(f"{setting}: nothing found in {self.function} for {classes} classes; name {what}")
            gone = next((name for name in names if name not in modules), None)
            if gone is not None:
                raise ValueError(f"{setting}: {self.function} has no module {gone!r}")
        head = modules[parts.head]
        if not isinstance(head, nn.Linear | nn.Conv2d):
            raise ValueError(f"head: {parts.head!r} is a {type(head).__name__}, wants a Linear or a convolution")
        return parts

    def parts(self, net: nn.Module) -> Parts:
        return remembered(net)

    def pretrain(self, net: nn.Module) -> None:
        if self.weights is None:
            return
        try:
            net.load_state_dict(load_file(self.weights) if self.weights.endswith(SAFE) else _unpickled(self.weights))
        except FileNotFoundError:
            raise ValueError(f"weights: no such file: {self.weights}") from None
        except Exception as error:  # it is anybody's file
            reason = " ".join(str(error).split())[:300]  # torch names every tensor, on lines of their own
            raise ValueError(f"weights: {self.weights} does not fit {self.function}: {reason}") from error

    @property
    def pretrained(self) -> str:
        if self.weights is None:
            return ""
        try:
            state = os.stat(self.weights)
        except FileNotFoundError:
            raise ValueError(f"weights: no such file: {self.weights}") from None
        return _digest(self.weights, state.st_mtime_ns, state.st_size)

    @property
    def trained(self) -> bool:
        return self.weights is not None  # whether or not the file is there yet

    @property
    def source(self) -> str:
        """Of the file that the function is in; what that imports is not looked at."""
        file = inspect.getsourcefile(own(self.function))
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""

    @property
    def scale(self) -> Scale | None:
        return Scale(self.mean, self.std) if self.mean and self.std else None


def _unpickled(file: str) -> dict[str, Tensor]:
    """Who came here trusts the file; even so, its code runs only if there is no other way to read it."""
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        found = torch.load(file, map_location="cpu", weights_only=False)
    if isinstance(found, nn.Module):
        return found.state_dict()
    for key in ("state_dict", "model"):  # as training scripts keep it, beside the epoch and the optimizer
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            return dict(found[key])
    return dict(found)


@cache
def _digest(file: str, changed: int, size: int) -> str:
    """Read once for as long as the file stays as it is."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
