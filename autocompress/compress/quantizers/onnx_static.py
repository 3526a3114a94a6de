"""Eight bits for ONNX Runtime: unsigned activations, signed weights per channel, ranges from a few examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto

from autocompress.compress.quantizers._gates import UNIT, apart, summed
from autocompress.compress.quantizers._on_file import OnFile
from autocompress.compress.quantizers._ranges import ranges
from autocompress.plugin import among

FLOATS = {"LayerNormalization", "Softmax", "Add", "Mul"}  # of networks that normalize layers


class OnnxStatic(OnFile):
    """8 bits after training, by ONNX Runtime: activation ranges from `examples` training images."""

    calibrate: Literal["minmax", "average", "percentile"] = among("minmax", "minmax", "average", "percentile")
    examples: Literal[32, 128] = among(128, 32, 128)
    keep: Literal["none", "first"] = among("none", "none", "first")

    @property
    def weight_bits(self) -> int:
        return 8

    @property
    def calibration_examples(self) -> int:
        return self.examples

    def convert(self, source: Path, target: Path, calibration: Iterator[NDArray[np.float32]]) -> None:
        """Unsigned activations because signed ones fall back to float or scalar kernels on x86. The `first` convolution
        may stay in floats: of three channels integers make little, and where it is not a large one it is quicker so."""
        import onnx
        from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType, TensorsData
        from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

        model = onnx.load(source)
        gates = apart(model.graph)
        for place, node in enumerate(model.graph.node):
            node.name = f"{node.op_type}{place}"
        model = onnx.shape_inference.infer_shapes(model)
        spans = ranges(model, calibration, self.calibrate, self.examples) | dict.fromkeys(gates, UNIT)
        values = {name: tuple(np.float32(end) for end in span) for name, span in spans.items()}
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, values),
            nodes_to_quantize=[],
            nodes_to_exclude=_first(model.graph) if self.keep == "first" else [],
            op_types_to_quantize=sorted({*QLinearOpsRegistry, *QDQRegistry} - _floats(model.graph)),
            extra_options={"QuantizeBias": False},
        )
        quantizer.quantize_model()
        made = quantizer.model.model
        summed(made.graph)
        _order(made.graph)
        target.write_bytes(made.SerializeToString(deterministic=True))


def _first(graph: GraphProto) -> list[str]:
    return [node.name for node in graph.node if node.op_type == "Conv"][:1]


def _floats(graph: GraphProto) -> set[str]:
    """Of transformers only the matrices are worth integers. All they know passes through sums, where a few channels
    are far larger than the rest: with sums in 8 bits a ViT's answers were 50 % off, without 5 %, and no later."""
    return FLOATS if any(node.op_type == "LayerNormalization" for node in graph.node) else set()


def _order(graph: GraphProto) -> None:
    """Whatever is read comes before its readers; otherwise as it was. The quantizer puts what it adds at the end."""
    makers = {name: node for node in graph.node for name in node.output}
    placed: dict[str, NodeProto] = {}

    def place(node: NodeProto) -> None:
        if node.output[0] not in placed:
            for name in node.input:
                if name in makers:
                    place(makers[name])
            placed[node.output[0]] = node

    for node in graph.node:
        place(node)
    nodes = list(placed.values())
    del graph.node[:]
    graph.node.extend(nodes)
