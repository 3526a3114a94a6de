"""ONNX files without an exporter, which takes seconds: a chain of matrices."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def chain(path: Path, inputs: tuple[int, int, int], *widths: int) -> Path:
    """A flattened image through matrices of these widths; with none, the image itself comes out."""
    sizes = (int(np.prod(inputs)), *widths)
    random = np.random.default_rng(0)
    matrices = [random.standard_normal(shape).astype(np.float32) / shape[0] ** 0.5 for shape in pairwise(sizes)]
    nodes = [helper.make_node("Flatten", ["x"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{i}", f"w{i}"], [f"h{i + 1}"]) for i in range(len(matrices))]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *inputs])],
        [helper.make_tensor_value_info(f"h{len(matrices)}", TensorProto.FLOAT, ["n", sizes[-1]])],
        [numpy_helper.from_array(matrix, f"w{i}") for i, matrix in enumerate(matrices)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path
