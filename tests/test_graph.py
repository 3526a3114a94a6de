"""What is read of a deployed file: its operations as the runtime takes them, counted as everybody counts them."""

from collections import Counter

import numpy as np
import pytest
import torch
from hands import SMALLEST, made
from onnx import TensorProto, helper, numpy_helper

from autocompress.compress.quantizers.onnx_static import OnnxStatic
from autocompress.compress.students.base import Student
from autocompress.errors import Failure
from autocompress.measure.counted import macs
from autocompress.measure.export import to_onnx
from autocompress.measure.graph import CONVOLUTIONS
from autocompress.measure.graph_of_file import read

FAMILIES = ("mbnet", "resnet", "vit")
INPUTS = (3, 16, 16)


def exported(name, folder, inputs=INPUTS):
    torch.manual_seed(0)
    net = made(Student, {"use": name, **SMALLEST.get(name, {})}).build(inputs, 10)
    file = folder / f"{name}.onnx"
    to_onnx(net, inputs, file)
    return net, file


@pytest.mark.parametrize("name", FAMILIES)
def test_macs_and_weights_are_those_of_the_network(name, tmp_path):
    net, file = exported(name, tmp_path)
    graph = read(file)
    assert graph.macs == macs(net, INPUTS)
    filters = sum(p.numel() for p in net.parameters() if p.ndim > 1)
    counted = sum(o.weights for o in graph.operations)
    assert filters <= counted + 1024  # positions of tokens and the like belong to no operation
    assert counted <= sum(p.numel() for p in net.parameters())  # batch norms are folded
    assert graph.weight_bytes == 4 * counted
    assert {o.bits for o in graph.operations} == {32}
    there = set(graph.inputs)
    for operation in graph.operations:
        assert set(operation.reads) <= there, "read before it is written"
        there |= set(operation.writes)
        assert graph.tensors[operation.writes[0]].shape == operation.shape_out
    assert set(graph.outputs) <= there == set(graph.tensors)


def test_a_residual_network_is_its_convolutions(tmp_path):
    graph = read(exported("resnet", tmp_path)[1])
    assert Counter(o.kind for o in graph.operations) == {
        "conv2d": 7,
        "pointwise": 2,
        "add": 3,
        "global_avg_pool": 1,
        "linear": 1,
    }
    first = graph.operations[0]
    assert (first.kernel, first.stride, first.pads, first.channels) == ((3, 3), (1, 1), (1, 1, 1, 1), (3, 8))
    assert first.activation == "relu"
    assert [o.activation for o in graph.operations if o.kind == "add"] == ["relu"] * 3
    assert graph.tensors["x"].shape == (1, 3, 16, 16)


@pytest.mark.parametrize("name", ["dscnn", "resnet"])
def test_a_quantized_file_is_the_same_network_in_integers(name, tmp_path):
    """ONNX Runtime writes it with its nodes in no order, and hides rectifiers in the grids."""
    _, file = exported(name, tmp_path)
    small = tmp_path / "small.onnx"
    OnnxStatic().convert(file, small, iter([np.random.default_rng(0).standard_normal((4, *INPUTS), np.float32)]))
    plain, ints = read(file), read(small)
    assert [(o.kind, o.macs, o.shape_in, o.shape_out, o.weights, o.stride) for o in ints.operations] == [
        (o.kind, o.macs, o.shape_in, o.shape_out, o.weights, o.stride) for o in plain.operations
    ]
    assert {o.bits for o in ints.operations} == {8}
    assert {t.bits for t in ints.tensors.values()} == {8}
    assert ints.weight_bytes == plain.in_bits(8).weight_bytes  # biases stay at 32
    assert sum(t.bytes for t in ints.tensors.values()) == sum(t.bytes for t in plain.in_bits(8).tensors.values())


def write(file, nodes, weights, inputs=(1, 4, 8, 8)):
    """A graph by hand, from `x` to `y`."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, inputs)
    out = helper.make_empty_tensor_value_info("y")
    out.type.tensor_type.elem_type = TensorProto.FLOAT
    made = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    model = helper.make_model(
        helper.make_graph([helper.make_node(op, i, o, **a) for op, i, o, a in nodes], "g", [given], [out], made),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    file.write_bytes(model.SerializeToString())
    return read(file)


W = np.ones((4, 4, 3, 3), np.float32)
GRID = {"s": np.float32(0.1), "z": np.uint8(128)}
SAME = {"pads": [1, 1, 1, 1]}


def test_an_activation_that_others_bypass_is_an_operation(tmp_path):
    nodes = [
        ("Conv", ["x", "w"], ["a"], SAME),
        ("Relu", ["a"], ["b"], {}),
        ("Add", ["a", "b"], ["y"], {}),
    ]
    graph = write(tmp_path / "g.onnx", nodes, {"w": W})
    assert [(o.kind, o.activation) for o in graph.operations] == [("conv2d", ""), ("relu", ""), ("add", "")]


def test_one_grid_read_twice_is_one_tensor(tmp_path):
    """Runtimes that want a dequantization for each reader still hold the numbers once."""
    nodes = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["a"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["b"], {}),
        ("Add", ["a", "b"], ["c"], {}),
        ("QuantizeLinear", ["c", "s", "z"], ["r"], {}),
        ("Clip", ["r", "low", "high"], ["t"], {}),
        ("DequantizeLinear", ["t", "s", "z"], ["y"], {}),
    ]
    weights = {**GRID, "low": np.uint8(120), "high": np.uint8(135)}
    graph = write(tmp_path / "g.onnx", nodes, weights)
    [add] = graph.operations
    assert (add.kind, add.reads, add.bits) == ("add", ("x",), 8)
    assert {name: t.bits for name, t in graph.tensors.items()} == {"x": 8, "c": 8}


def test_what_is_also_read_as_float_is_held_as_float(tmp_path):
    """Then quantizing is work that is done, and the convolution before it is no integer one."""
    nodes = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["a"], {}),
        ("Conv", ["a", "w"], ["b"], SAME),
        ("QuantizeLinear", ["b", "s", "z"], ["c"], {}),
        ("DequantizeLinear", ["c", "s", "z"], ["d"], {}),
        ("Conv", ["d", "w"], ["e"], SAME),
        ("Add", ["e", "b"], ["y"], {}),
    ]
    graph = write(tmp_path / "g.onnx", nodes, {**GRID, "w": W})
    assert [(o.kind, o.bits) for o in graph.operations] == [
        ("conv2d", 32),
        ("other", 32),
        ("conv2d", 32),
        ("add", 32),
    ]
    assert {name: t.bits for name, t in graph.tensors.items()} == {"x": 8, "b": 32, "c": 8, "e": 32, "y": 32}


def test_weights_count_as_they_are_stored(tmp_path):
    """In 8 bits behind a dequantization, in 16 behind a cast, and a bias that is added afterwards."""
    nodes = [
        ("DequantizeLinear", ["w8", "s", "z8"], ["w"], {}),
        ("Conv", ["x", "w"], ["a"], SAME),
        ("Flatten", ["a"], ["b"], {}),
        ("Cast", ["m16"], ["m"], {"to": TensorProto.FLOAT}),
        ("MatMul", ["b", "m"], ["c"], {}),
        ("Add", ["c", "bias"], ["y"], {}),
    ]
    weights = {
        "w8": W.astype(np.int8),
        "s": np.float32(0.1),
        "z8": np.int8(0),
        "m16": np.ones((256, 10), np.float16),
        "bias": np.ones(10, np.float32),
    }
    conv, linear = write(tmp_path / "g.onnx", nodes, weights).operations
    assert (conv.weights, conv.weight_bytes) == (144, 144)
    assert (linear.kind, linear.weights, linear.weight_bytes, linear.macs) == ("linear", 2570, 2 * 2560 + 40, 2560)


def test_shapes_that_inference_leaves_open_are_found_by_running(tmp_path):
    """As exporters write it who do not know the batch: the first so many of all images."""
    nodes = [
        ("Shape", ["x"], ["shape"], {"start": 0, "end": 1}),
        ("Squeeze", ["shape"], ["many"], {}),
        ("Range", ["zero", "many", "one"], ["places"], {}),
        ("Gather", ["x", "places"], ["a"], {}),
        ("Conv", ["a", "w"], ["y"], SAME),
    ]
    gather, conv = write(tmp_path / "g.onnx", nodes, {"zero": np.int64(0), "one": np.int64(1), "w": W}).operations
    assert (gather.kind, gather.shape_out) == ("other", (1, 4, 8, 8))
    assert (conv.shape_in, conv.macs) == ((1, 4, 8, 8), 64 * 144)


def test_kinds_of_convolutions(tmp_path):
    nodes = [
        ("Conv", ["x", "one"], ["a"], {}),
        ("Conv", ["a", "deep"], ["b"], {"group": 4, "strides": [2, 2], **SAME}),
        ("Conv", ["b", "pairs"], ["y"], {"group": 2, **SAME}),
    ]
    weights = {"one": W[:, :, :1, :1], "deep": W[:, :1], "pairs": W[:, :2]}
    graph = write(tmp_path / "g.onnx", nodes, weights)
    assert [(o.kind, o.groups, o.macs) for o in graph.operations] == [
        ("pointwise", 1, 64 * 16),
        ("depthwise_conv2d", 4, 16 * 4 * 9),
        ("conv2d", 2, 16 * 4 * 2 * 9),
    ]
    assert all(o.kind in CONVOLUTIONS for o in graph.operations)


def test_what_cannot_be_read_says_so(tmp_path):
    with pytest.raises(Failure, match=r"nothing here reads the operations of \.pte files"):
        read(tmp_path / "model.pte")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model at all")
    with pytest.raises(Failure, match=r"cannot read the operations of broken\.onnx"):
        read(broken)


def tflite(file):
    """A file by hand: zeros around, a convolution, a mean, a matrix; in 8 bits."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    import flatbuffers

    model, main = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [main], [schema.BufferT()], []
    main.tensors, main.operators, main.inputs, main.outputs = [], [], [0], [4]
    int8, int32 = schema.TensorType.INT8, schema.TensorType.INT32

    def tensor(shape, kind=int8, data=False):
        held = schema.TensorT()
        held.shape, held.type, held.buffer = shape, kind, len(model.buffers) if data else 0
        if data:
            buffer = schema.BufferT()
            buffer.data = np.ones(int(np.prod(shape)) * (1 if kind == int8 else 4), np.uint8)
            model.buffers.append(buffer)
        main.tensors.append(held)
        return len(main.tensors) - 1

    for shape in ([1, 8, 8, 4], [1, 10, 10, 4], [1, 4, 4, 6], [1, 6], [1, 10]):
        tensor(shape)
    lines, axes = tensor([4, 2], int32, True), tensor([2], int32, True)
    filters, biases = tensor([6, 3, 3, 4], data=True), tensor([6], int32, True)
    matrix, offsets = tensor([10, 6], data=True), tensor([10], int32, True)

    def operator(word, inputs, outputs, options=None, kind=None):
        code, step = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, word)
        step.opcodeIndex, step.inputs, step.outputs = len(model.operatorCodes), inputs, outputs
        step.builtinOptions, step.builtinOptionsType = options, kind or 0
        model.operatorCodes.append(code)
        main.operators.append(step)

    conv = schema.Conv2DOptionsT()
    conv.strideH = conv.strideW = 2
    conv.padding, conv.fusedActivationFunction = schema.Padding.VALID, schema.ActivationFunctionType.RELU6
    operator("PAD", [0, lines], [1])
    operator("CONV_2D", [1, filters, biases], [2], conv, schema.BuiltinOptions.Conv2DOptions)
    operator("MEAN", [2, axes], [3])
    operator("FULLY_CONNECTED", [3, matrix, offsets], [4])
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    file.write_bytes(bytes(builder.Output()))


def test_a_tflite_file_is_read_as_it_is(tmp_path):
    file = tmp_path / "model.tflite"
    tflite(file)
    graph = read(file)
    assert [(o.kind, o.macs, o.weight_bytes, o.activation) for o in graph.operations] == [
        ("pad", 0, 0, ""),
        ("conv2d", 16 * 6 * 36, 216 + 24, "relu6"),
        ("global_avg_pool", 0, 0, ""),
        ("linear", 60, 60 + 40, ""),
    ]
    assert [o.shape_out for o in graph.operations] == [(1, 4, 10, 10), (1, 6, 4, 4), (1, 6), (1, 10)]
    assert (graph.operations[1].stride, graph.operations[1].kernel) == ((2, 2), (3, 3))
    assert {o.bits for o in graph.operations} == {8}
    assert len(graph.tensors) == 5
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(file.read_bytes()[:40])
    with pytest.raises(Failure, match=r"cannot read the operations of broken\.tflite"):
        read(broken)
