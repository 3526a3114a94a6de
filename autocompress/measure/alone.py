"""Does an ONNX file hold all of its weights? It may name other files, anywhere on the machine that opens it."""

from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, TensorProto


def elsewhere(file: Path) -> str:
    """The first file that it names for its weights; empty if it needs none. What is no ONNX is a ValueError."""
    try:
        model = ModelProto.FromString(file.read_bytes())
    except DecodeError as error:
        raise ValueError(f"{file.name}: not an ONNX file ({error})") from None
    if not model.HasField("graph"):
        raise ValueError(f"{file.name}: not an ONNX file (there is no graph in it)")
    return _named(model) or ""


def _named(message: Any) -> str | None:
    """Tensors are everywhere: in graphs within graphs, attributes, functions, what a training left behind."""
    if isinstance(message, TensorProto) and (message.external_data or message.data_location == TensorProto.EXTERNAL):
        return next((entry.value for entry in message.external_data if entry.key == "location"), "another file")
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if hasattr(value, "ListFields") else value:
                if (found := _named(inner)) is not None:
                    return found
    return None
