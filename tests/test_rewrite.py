"""Rewritten graphs answer as they did: random ones, with norms that no convolution took in."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from autocompress.measure.rewrite import rewrite
from autocompress.measure.slim import slimmed

RANDOM = range(12)


def early(seed: int) -> onnx.ModelProto:
    """Norm, ReLU, convolution, beside what it was made from; then the mean, and a norm of that."""
    random = np.random.default_rng(seed)
    channels = int(random.integers(1, 5))
    held: dict[str, np.ndarray] = {"axes": np.array([2, 3] if seed % 2 else [-1, -2])}
    nodes, x = [], "x"

    def norm(source: str, name: str, width: int) -> None:
        held.update(
            {f"{name}.{part}": random.standard_normal(width).astype("f4") for part in ("scale", "bias", "mean")}
        )
        held[f"{name}.var"] = (random.random(width) * 10.0 ** -random.integers(0, 6)).astype("f4")
        given = [source, *(f"{name}.{part}" for part in ("scale", "bias", "mean", "var"))]
        epsilon = {"epsilon": 1e-3} if random.random() < 0.5 else {}
        nodes.append(helper.make_node("BatchNormalization", given, [name], **epsilon))

    width = channels
    for block in range(int(random.integers(1, 4))):
        more = int(random.integers(1, 6))
        norm(x, f"n{block}", width)
        held[f"w{block}"] = random.standard_normal((more, width, 3, 3)).astype("f4")
        nodes.append(helper.make_node("Relu", [f"n{block}"], [f"r{block}"]))
        nodes.append(helper.make_node("Conv", [f"r{block}", f"w{block}"], [f"c{block}"], pads=[1] * 4))
        nodes.append(helper.make_node("Concat", [x, f"c{block}"], [f"x{block}"], axis=1))
        x, width = f"x{block}", width + more
    nodes.append(helper.make_node("ReduceMean", [x, "axes"], ["m"], keepdims=1))
    nodes.append(helper.make_node("Flatten", ["m"], ["f"]))
    norm("f", "y", width)
    shape = ["n", channels, int(random.integers(1, 7)), int(random.integers(1, 7))]
    ends = helper.make_tensor_value_info("x", 1, shape), helper.make_tensor_value_info("y", 1, ["n", width])
    constants = [numpy_helper.from_array(value, name) for name, value in held.items()]
    graph = helper.make_graph(nodes, "g", [ends[0]], [ends[1]], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    return onnx.shape_inference.infer_shapes(model)


def answers(model: bytes, x: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(model).run(None, {"x": x})[0]


@pytest.mark.parametrize("seed", RANDOM)
def test_the_same_answers(seed):
    model = early(seed)
    shape = [d.dim_value or 3 for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    expected = answers(model.SerializeToString(), x)
    norms = [n.op_type for n in model.graph.node].count("BatchNormalization")
    rewrite(model.graph)
    kinds = [n.op_type for n in model.graph.node]
    assert kinds.count("BatchNormalization") == 1  # that of the vector at the end
    assert kinds.count("Conv") == 2 * (norms - 1)
    assert ("ReduceMean" in kinds, kinds.count("GlobalAveragePool")) == (False, 1)
    onnx.checker.check_model(model, full_check=True)
    for found in (answers(model.SerializeToString(), x), answers(slimmed(model), x)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_norm_whose_numbers_are_computed_stays():
    model = early(0)
    norm = model.graph.node[0]
    model.graph.node.insert(0, helper.make_node("Identity", [norm.input[1]], ["scaled"]))
    model.graph.node[1].input[1] = "scaled"
    rewrite(model.graph)
    assert model.graph.node[1].op_type == "BatchNormalization"


@pytest.mark.parametrize(("axes", "keepdims"), [([2, 3], 0), ([1, 2], 1), ([2], 1), ([0, 2, 3], 1)])
def test_other_means_stay(axes, keepdims):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    node = helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=keepdims)
    graph = helper.make_graph([node], "g", [x], [y], [numpy_helper.from_array(np.array(axes), "axes")])
    rewrite(graph)
    assert graph.node[0].op_type == "ReduceMean"
