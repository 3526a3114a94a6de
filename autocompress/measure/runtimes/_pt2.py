"""A network as torch.export writes it: what the reference runs, and what converters are given."""

import copy
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from autocompress.errors import Failure
from autocompress.measure.runtimes._quiet import quietly

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

MOST = 2**16  # images in a batch
HARMLESS = (  # everything that is read as numbers or as JSON
    "models/model.json",
    "data/weights/model_weights_config.json",
    "data/constants/model_constants_config.json",
)
TENSORS = ("data/weights/weight_", "data/constants/tensor_")
EMPTY = "data/sample_inputs/model.pt"  # would be a pickle


def exported(net: "nn.Module", inputs: tuple[int, int, int], *, batch: int | None = None) -> "ExportedProgram":
    """`net` as a graph, for any batch or for one of a fixed size. `net` is left as it was."""
    import torch
    import torch.ao.quantization.fx._decomposed  # its operators write how numbers are quantized

    still = copy.deepcopy(net).cpu().eval()
    sizes = None if batch else ({0: torch.export.Dim("n", min=1, max=MOST)},)
    try:
        with quietly(), torch.random.fork_rng(devices=[]):
            # an example of 1 would be taken for a constant
            return torch.export.export(still, (torch.zeros(batch or 2, *inputs),), dynamic_shapes=sizes)
    except Exception as error:  # the exporter raises anything
        raise cannot("written as a graph", error) from error


def cannot(what: str, error: Exception) -> Failure:
    reason = (str(error).strip() or "no reason given").partition("\n")[0]
    return Failure("export", f"cannot be {what}: {type(error).__name__}: {reason}")


def write(program: "ExportedProgram", path: Path) -> None:
    """Equal bytes for equal weights: without the places in source files that the exporter notes, nor its example."""
    import torch

    program._example_inputs = None
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)
    buffer = io.BytesIO()  # a file would give its name to the archive's folder
    with quietly():
        torch.export.save(program, buffer)
    path.write_bytes(buffer.getvalue())


def read(path: Path) -> "ExportedProgram":
    """A file as `write` leaves it: one that holds a pickle or compiled code is refused. Torch still parses formulas
    in it, so open none from strangers."""
    import torch
    import torch.ao.quantization.fx._decomposed

    try:
        with zipfile.ZipFile(path) as archive:
            odd = next((name for name in archive.namelist() if not _harmless(archive, name)), None)
    except (zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{path}: not a file of torch.export ({error})") from error
    if odd is not None:
        raise ValueError(f"{path}: {odd} in it may be a pickle or compiled code, so it is not opened")
    with quietly():
        return torch.export.load(io.BytesIO(path.read_bytes()))


def _harmless(archive: zipfile.ZipFile, name: str) -> bool:
    _, _, inner = name.partition("/")
    if inner == EMPTY:
        return archive.getinfo(name).file_size == 0
    if inner.endswith("_config.json"):
        entries = json.loads(archive.read(name))["config"].values()
        return inner in HARMLESS and not any(entry["use_pickle"] for entry in entries)
    few = ("archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id")
    return inner in (*HARMLESS, *few) or inner.startswith(TENSORS)
