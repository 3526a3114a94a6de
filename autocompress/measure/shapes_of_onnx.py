"""Shape and type of every value of an ONNX file: by inference, and what that leaves open, by running it on zeros."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, helper

from autocompress.measure.graph import Shape


def shapes(model: ModelProto) -> tuple[dict[str, Shape], dict[str, int]]:
    """Shape and type by the name of the value."""
    known = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    found: dict[str, Shape] = {i.name: tuple(i.dims) for i in known.initializer}
    types: dict[str, int] = {i.name: i.data_type for i in known.initializer}
    for value in (*known.input, *known.value_info, *known.output):
        held = value.type.tensor_type
        types[value.name] = held.elem_type
        if held.HasField("shape") and all(d.HasField("dim_value") for d in held.shape.dim):
            found[value.name] = tuple(d.dim_value for d in held.shape.dim)
    made = [name for node in model.graph.node for name in node.output if name]
    unknown = [name for name in made if name not in found]
    if unknown:
        for name, array in _run(model, unknown).items():
            found[name] = array.shape
            types[name] = helper.np_dtype_to_tensor_dtype(array.dtype)
    return found, types


def _run(model: ModelProto, wanted: list[str]) -> dict[str, NDArray[np.generic]]:
    import onnxruntime

    shown = ModelProto()
    shown.CopyFrom(model)
    there = {value.name for value in shown.graph.output}
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in wanted if name not in there)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(shown.SerializeToString(), options, providers=["CPUExecutionProvider"])
    zeros = {
        value.name: np.zeros([d if isinstance(d, int) else 1 for d in value.shape], np.float32)
        for value in session.get_inputs()
    }
    return dict(zip(wanted, session.run(wanted, zeros), strict=True))
