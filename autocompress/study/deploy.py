"""From a model to the file that a device would run. Every number of a front is taken from such a file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.compress.model import Model
from autocompress.compress.quantizers._on_file import OnFile
from autocompress.compress.quantizers._on_network import OnNetwork
from autocompress.compress.quantizers.base import Quantizer
from autocompress.data.base import Dataset, Split
from autocompress.errors import Failure
from autocompress.measure.runtimes.base import Runtime
from autocompress.measure.slim import slim
from autocompress.plugin import make

BATCH = 32  # of calibration
FLOAT = "float"  # what the file of the same network in 32 bits is called


def lowered(model: Model, runtime: Runtime, folder: Path, data: Dataset, *, twin: bool = False) -> Path:
    """In as few bits as the model's quantizer says, as this runtime wants it. With its `twin` beside it: the same in 32
    bits, called `FLOAT`."""
    file = folder / f"model{runtime.suffix}"
    quantizer = make(Quantizer, model.quantizer) if model.quantizer else None
    whole = folder / f"{FLOAT}{runtime.suffix}"
    if quantizer is None:
        runtime.lower(model.net, model.inputs, file)
        return file
    if isinstance(quantizer, OnNetwork):
        runtime.lower(quantizer.frozen(model.net, runtime.dialect), model.inputs, file)
        if twin:
            runtime.lower(quantizer.whole(model.net), model.inputs, whole)
        return file
    if runtime.suffix != ".onnx":
        scheme = str(model.quantizer and model.quantizer["use"])
        text = f"{scheme} rewrites ONNX files, and {runtime.version} runs {runtime.suffix}"
        raise Failure("unsupported", f"{text}; a scheme that works on the network, such as lsq, can do it")
    assert isinstance(quantizer, OnFile), quantizer
    runtime.lower(model.net, model.inputs, whole)
    convert(quantizer, whole, file, data)
    return file


def runs_in(settings: Mapping[str, Any], runtime: Runtime) -> dict[str, Any]:
    """What has to be known of the runtime beside a file, by those who want to run it later."""
    return {
        "use": settings["use"],
        "threads": runtime.threads,
        "version": runtime.version,
        "suffix": runtime.suffix,
        "layout": runtime.layout,
        "snippet": runtime.snippet._asdict(),
    }


def convert(quantizer: OnFile, whole: Path, file: Path, data: Dataset) -> None:
    """From the exported file in 32 bits to one in fewer."""
    quantizer.convert(whole, file, _calibration(data, quantizer.calibration_examples))
    slim(file)


def _calibration(data: Dataset, examples: int) -> Iterator[NDArray[np.float32]]:
    """The first training images, which the split has shuffled already."""
    few = min(examples, len(data.train))
    yield from data.shown(Split(data.train.x[:few], data.train.y[:few]), BATCH)
