"""ExecuTorch with XNNPACK on the CPU."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from autocompress.errors import Failure
from autocompress.measure.runtimes import _pt2
from autocompress.measure.runtimes._quiet import quietly
from autocompress.measure.runtimes.base import Runtime, Session, Snippet
from autocompress.values.dialect import Dialect

if TYPE_CHECKING:
    from torch import nn

MARK = b"ET12"  # at the fifth byte of a file


class Executorch(Runtime):
    """ExecuTorch with XNNPACK on the CPU. The file takes one image, as on a device; a batch is as many calls.

    Made for any batch, the file would fall apart: flattening then stays outside of XNNPACK. To open a file takes torch.
    """

    suffix: ClassVar[str] = ".pte"
    dialect: ClassVar[Dialect] = Dialect(signed=True, one_reader=True)
    module: ClassVar[str] = "executorch.extension.pybindings"
    extra: ClassVar[str] = "executorch"
    snippet: ClassVar[Snippet] = Snippet(
        imports="import torch\nfrom executorch.runtime import Runtime",
        opens='PROGRAM = Runtime.get().load_program(FILE)\nMETHOD = PROGRAM.load_method("forward")',
        runs="np.concatenate([METHOD.execute([torch.from_numpy(one[None])])[0].numpy() for one in x])",
    )

    def lower(self, net: "nn.Module", inputs: tuple[int, int, int], path: Path) -> None:
        if self.missing:
            raise Failure("export", self.missing)
        program = _pt2.exported(net, inputs, batch=1)
        try:
            with quietly():
                from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
                from executorch.exir import to_edge_transform_and_lower

                edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
                content = bytes(edge.to_executorch().buffer)
        except Exception as error:  # from a deep stack of passes
            raise _pt2.cannot("lowered to ExecuTorch", error) from error
        path.write_bytes(content)

    def open(self, path: Path) -> Session:
        """All sessions of a process share one pool of threads, so they should want equally many."""
        if self.missing:
            raise Failure("measure", self.missing)
        with path.open("rb") as file:
            if file.read(8)[4:] != MARK:
                raise ValueError(f"{path}: not a file of ExecuTorch")
        with quietly():
            import torch
            from executorch.extension.pybindings import _C  # the rest of the package takes three seconds to import

            if _C._threadpool_get_thread_count() != self.threads:
                _C._unsafe_reset_threadpool(self.threads)
            program = _C._load_program(str(path))
            method = program.load_method("forward")

        def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
            _ = program  # the method reads from it
            return np.concatenate([method([torch.from_numpy(one[None])])[0].numpy() for one in np.ascontiguousarray(x)])

        return run

    @property
    def version(self) -> str:
        return f"executorch {version('executorch')}"
