"""Bits and levels of each layer's weights, found behind whatever reads them; and what runs as integers."""

import numpy as np
import onnx
import pytest
from hands import BIGGER, digits, fresh
from onnx import TensorProto, helper, numpy_helper

from autocompress.compress.quantizers.half import Half
from autocompress.compress.quantizers.onnx_static import OnnxStatic
from autocompress.measure.executed import Executed, executed
from autocompress.measure.export import to_onnx
from autocompress.measure.stored import Stored, bits, stored, stored_bits


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0], 1),
        ([-1, 0], 1),
        ([-1, 0, 1], 2),
        ([-3, 2], 3),
        ([7, -7], 4),
        ([8], 5),
        ([-8], 4),
        ([-9], 5),
        ([-4, 3], 3),
        ([63], 7),
        ([-127], 8),
        ([-128], 8),
    ],
)
def test_the_fewest_bits_that_hold_all(values, expected):
    assert bits(numpy_helper.from_array(np.array(values, np.int8), "w")) == expected


def test_other_numbers_have_the_bits_they_have():
    for kind, expected in ((np.float32, 32), (np.float16, 16), (np.uint8, 8)):
        assert bits(numpy_helper.from_array(np.ones((2, 2), kind), "w")) == expected
    assert bits(helper.make_tensor("w", TensorProto.INT4, [2], [-8, 7])) == 4
    assert bits(helper.make_tensor("w", TensorProto.INT4, [2], [-1, 1])) == 2
    assert bits(helper.make_tensor("w", TensorProto.UINT4, [2], [15, 7])) == 4


def test_layers_in_their_order_behind_what_reads_them(tmp_path):
    held = {
        "few": np.array([-1, 0, 1, 1], np.int8).reshape(2, 2, 1, 1),
        "scale": np.float32(0.1),
        "halves": np.ones((2, 5), np.float16),
        "left": np.ones((3, 3), np.float32),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["few", "scale"], ["w"]),
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("GlobalAveragePool", ["a"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Cast", ["halves"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Gemm", ["f", "cast"], ["g"]),
        helper.make_node("MatMul", ["left", "g"], ["h"]),
        helper.make_node("MatMul", ["g", "h"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    graph = helper.make_graph(
        nodes, "g", [x], [y], [numpy_helper.from_array(np.asarray(v), k) for k, v in held.items()]
    )
    onnx.save(helper.make_model(graph), tmp_path / "some.onnx")
    assert stored(tmp_path / "some.onnx") == {
        "conv 1 (2x2x1x1)": Stored(4, 2, 3),
        "matrix 2 (2x5)": Stored(10, 16, 0),
        "matrix 3 (3x3)": Stored(9, 32, 0),
    }
    assert list(stored_bits(tmp_path / "some.onnx").values()) == [2, 16, 32]


def test_what_is_stored_and_what_is_executed(tmp_path, capfd):
    """Fewer bits in the file are not fewer in the arithmetic."""
    model, data = fresh(BIGGER), digits()
    files = {name: tmp_path / f"{name}.onnx" for name in ("whole", "half", "eight")}
    to_onnx(model.net, model.inputs, files["whole"])
    Half().convert(files["whole"], files["half"], iter(()))
    OnnxStatic().convert(files["whole"], files["eight"], iter([data.prepared(data.train.x[:32])]))
    found = {name: executed(file) for name, file in files.items()}
    layers = {name: stored_bits(file) for name, file in files.items()}
    many = len(layers["whole"])
    assert all(list(layers[name].values()) == [b] * many for name, b in (("whole", 32), ("half", 16), ("eight", 8)))
    assert [(each.integer, each.floating) for each in found.values()] == [(0, many), (0, many), (many, 0)]
    assert str(found["half"]) == f"0 of {many} convolutions and matrices run as integers"
    assert str(found["eight"]) == f"{many} of {many} convolutions and matrices run as integers (u8s8)"
    assert found["eight"].kinds["QLinearConv"] == many - 1
    assert isinstance(found["eight"], Executed)
    assert len(list(tmp_path.iterdir())) == 3
    assert capfd.readouterr() == ("", "")
