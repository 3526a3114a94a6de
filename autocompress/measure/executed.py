"""Which numbers a file is really computed in: what ONNX Runtime makes of its graph, counted. Not what the file says."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import onnx
from onnx import GraphProto, NodeProto, TensorProto

INTEGER = {"QLinearConv", "QGemm", "QLinearMatMul", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat"}
FLOAT = {"Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "MatMulNBits"}
READS = {"QLinearConv": (2, 5), "QGemm": (2, 5), "QLinearMatMul": (2, 5)}  # where the two zero points are


class Executed(NamedTuple):
    """The operators that multiply: convolutions and matrices."""

    integer: int
    floating: int
    types: tuple[str, ...]  # of activations and weights where they run as integers: u8s8
    kinds: dict[str, int]  # all operators of the graph as it runs

    def __str__(self) -> str:
        types = f" ({', '.join(self.types)})" if self.types else ""
        return f"{self.integer} of {self.integer + self.floating} convolutions and matrices run as integers{types}"


def executed(file: Path) -> Executed:
    """Of an ONNX file, on the CPU of this machine."""
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
        seen = Path(folder) / "seen.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(seen)
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(seen).graph
    kinds = Counter(node.op_type for node in graph.node)
    types = sorted({_types(node, graph) for node in graph.node if node.op_type in READS})
    integer, floating = (sum(kinds[kind] for kind in kinds.keys() & some) for some in (INTEGER, FLOAT))
    return Executed(integer, floating, tuple(types), dict(sorted(kinds.items())))


def _types(node: NodeProto, graph: GraphProto) -> str:
    held = {tensor.name: tensor.data_type for tensor in graph.initializer}
    names = {TensorProto.UINT8: "u8", TensorProto.INT8: "s8"}
    return "".join(names.get(held.get(node.input[place], 0), "?") for place in READS[node.op_type])
