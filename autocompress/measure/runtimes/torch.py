"""Torch itself on the CPU: what the others are compared with."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from autocompress.measure.runtimes import _pt2
from autocompress.measure.runtimes.base import Runtime, Session, Snippet

if TYPE_CHECKING:
    from torch import nn


class Torch(Runtime):
    """Torch on the CPU, as the graph that torch.export writes: the reference. Integers are only simulated."""

    suffix: ClassVar[str] = ".pt2"
    module: ClassVar[str] = "torch"
    runs_code: ClassVar[bool] = True  # sizes in the file are formulas, and torch has Python evaluate them
    snippet: ClassVar[Snippet] = Snippet(
        imports="import torch\nimport torch.ao.quantization.fx._decomposed  # integers, where there are any",
        opens="NET = torch.export.load(FILE).module()",
        runs="NET(torch.from_numpy(x)).detach().numpy()",
    )

    def lower(self, net: "nn.Module", inputs: tuple[int, int, int], path: Path) -> None:
        _pt2.write(_pt2.exported(net, inputs), path)

    def open(self, path: Path) -> Session:
        import torch

        net = _pt2.read(path).module()

        def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
            before = torch.get_num_threads()
            if before != self.threads:
                torch.set_num_threads(self.threads)
            try:
                with torch.inference_mode():
                    logits: NDArray[np.float32] = net(torch.from_numpy(x)).numpy()
            finally:
                if before != self.threads:
                    torch.set_num_threads(before)  # the process may be training something
            return logits

        return run

    @property
    def version(self) -> str:
        return f"torch {version('torch')}"
