"""The graph of a deployed file, whatever it is written in."""

from dataclasses import replace
from pathlib import Path

from autocompress.errors import Failure
from autocompress.measure.graph import Graph


def read(path: Path) -> Graph:
    """What no reader knows is a Failure("measure")."""
    if path.suffix == ".onnx":
        from autocompress.measure import graph_of_onnx

        return replace(graph_of_onnx.graph(path), source=path)
    if path.suffix == ".tflite":
        from autocompress.measure import graph_of_tflite

        return replace(graph_of_tflite.graph(path), source=path)
    raise Failure("measure", f"nothing here reads the operations of {path.suffix or path.name} files")
