"""Write a network as ONNX: any batch, nothing in the file but what it takes to run, equal bytes for equal weights."""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from autocompress.errors import Failure
from autocompress.measure.rewrite import rewrite
from autocompress.measure.slim import slimmed

OPSET = 20  # ONNX Runtime takes it since 1.17
INPUT, OUTPUT = "x", "y"


def to_onnx(net: nn.Module, inputs: tuple[int, int, int], path: Path) -> None:
    """Batch norms are folded into their convolutions, or become some. `net` is left as it was."""
    still = copy.deepcopy(net).cpu().eval()
    example = torch.zeros(2, *inputs)  # a batch of 1 would be taken for a constant
    batch = torch.export.Dim("n", min=1, max=2**16)
    try:
        with _quietly(), torch.random.fork_rng(devices=[]):
            program = torch.onnx.export(
                still,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: batch},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                verbose=False,
            )
        assert program is not None
        model = program.model_proto
    except Exception as error:  # the exporter raises anything
        reason = str(error).strip().partition("\n")[0]
        raise Failure("export", f"cannot be written as ONNX: {type(error).__name__}: {reason}") from error
    rewrite(model.graph)
    path.write_bytes(slimmed(model))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter talks on every channel there is."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
