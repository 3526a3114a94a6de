"""Look inside a network while it runs: stage features and embedding, for the duration of a `with`."""

import math
from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from autocompress.compress.distillers.base import Needs
from autocompress.compress.students.base import Parts


class Taps:
    """After each forward pass, `features` and `embedding` hold what it produced, in float32."""

    def __init__(self, net: nn.Module, parts: Parts, needs: Needs) -> None:
        self._net, self._parts, self._needs = net, parts, needs
        self._seen: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> "Taps":
        if self._needs.features:
            for name in self._parts.stages:
                self._handles.append(self._net.get_submodule(name).register_forward_hook(self._keep_output(name)))
        if self._needs.embeddings:
            head = self._net.get_submodule(self._parts.head)
            self._handles.append(head.register_forward_pre_hook(self._keep_input))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._seen.clear()

    @property
    def features(self) -> tuple[Tensor, ...]:
        return tuple(self._seen[name] for name in self._parts.stages) if self._needs.features else ()

    @property
    def embedding(self) -> Tensor | None:
        return self._seen["embedding"] if self._needs.embeddings else None

    def forget(self) -> None:
        """What was produced, and with it the whole graph behind it. Until the next forward pass nobody needs that."""
        self._seen.clear()

    def _keep_output(self, name: str) -> Any:
        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self._seen[name] = _map(output.float())

        return keep

    def _keep_input(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].float()
        self._seen["embedding"] = x.mean((2, 3)) if x.ndim == 4 else x


def _map(x: Tensor) -> Tensor:
    """Tokens (B, T, C) as the map they were cut from, without the class token."""
    if x.ndim != 3:
        return x
    side = math.isqrt(x.shape[1])
    return x[:, x.shape[1] - side * side :].transpose(1, 2).reshape(len(x), -1, side, side)
