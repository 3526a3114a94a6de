"""Sizes of a file without its zeros: against an encoder that can be decoded, and numbers worked out by hand."""

import lzma
import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from hands import BIGGER, digits, fresh
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from autocompress.compress.masks import thinned
from autocompress.compress.patterns.magnitude import Magnitude
from autocompress.compress.quantizers.onnx_static import OnnxStatic
from autocompress.measure.export import to_onnx
from autocompress.measure.packed import Weights, compressed, packed, squeezed, weights
from autocompress.measure.slim import slim
from autocompress.measure.stored import bits, stored_bits
from autocompress.values.metric import METRICS


def written(file: Path, *held: TensorProto) -> Path:
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", [held[0].name], ["y"])], "g", [], [y], list(held))
    file.write_bytes(helper.make_model(graph).SerializeToString())
    return file


def tensor(name: str, values: NDArray) -> TensorProto:
    return numpy_helper.from_array(values, name)


def test_weights_are_what_has_two_dimensions_or_more(tmp_path):
    matrix = np.eye(6, 8, dtype=np.float32)
    filters = np.arange(24, dtype=np.int8).reshape(2, 3, 2, 2)
    halves = helper.make_tensor("h", TensorProto.INT4, [3, 5], [0, 1, -8, 7, 0] * 3)
    bias = np.zeros(100, dtype=np.float32)
    file = written(tmp_path / "some.onnx", tensor("m", matrix), tensor("f", filters), tensor("b", bias), halves)
    assert weights(file) == [Weights(48, 42, 32, 32), Weights(24, 1, 8, 6), Weights(15, 6, 4, 4)]
    assert [w.dense for w in weights(file)] == [192, 24, 8]
    assert [w.short for w in weights(file)] == [192, 18, 8]
    assert [w.masked for w in weights(file)] == [6 + 24, 3 + 18, 2 + 5]
    sparsity, size = packed(file)
    assert sparsity.value == pytest.approx((42 + 1 + 6) / 87)
    assert size.value == file.stat().st_size - (192 - 30) - (24 - 18) - (8 - 7)


def encoded(values: NDArray, mask: bool, bits: int) -> bytes:
    """If `mask`, one bit per weight; then the values, or those that are not 0, in `bits` each."""
    flat = values.flatten()
    kept = flat[flat != 0] if mask else flat
    head = np.packbits(flat != 0).tobytes() if mask else b""
    if values.dtype != np.int8:
        return head + kept.tobytes()
    each = np.unpackbits(kept.view(np.uint8)[:, None], axis=1)[:, 8 - bits :]
    return head + np.packbits(each).tobytes()


def decoded(content: bytes, like: NDArray, mask: bool, bits: int) -> NDArray:
    head = math.ceil(like.size / 8) if mask else 0
    flat = np.zeros(like.size, like.dtype)
    stays = np.ones(like.size, bool)
    if mask:
        stays = np.unpackbits(np.frombuffer(content[:head], np.uint8), count=like.size).astype(bool)
    if like.dtype != np.int8:
        flat[stays] = np.frombuffer(content[head:], like.dtype)
        return flat.reshape(like.shape)
    many = int(stays.sum())
    each = np.unpackbits(np.frombuffer(content[head:], np.uint8), count=many * bits).reshape(many, bits)
    signs = np.repeat(each[:, :1], 8 - bits, axis=1)
    flat[stays] = np.packbits(np.concatenate([signs, each], 1), axis=1)[:, 0].view(np.int8)
    return flat.reshape(like.shape)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A model's, thin and dense, the thin one in eight bits, and the dense one in four that are stored as eight."""
    folder = tmp_path_factory.mktemp("packed")
    dense, data = fresh(BIGGER), digits()
    found = {name: folder / f"{name}.onnx" for name in ("dense", "thin", "eight", "four")}
    to_onnx(dense.net, dense.inputs, found["dense"])
    to_onnx(thinned(dense, Magnitude(), 0.8, 0).net, dense.inputs, found["thin"])
    OnnxStatic().convert(found["thin"], found["eight"], iter([data.prepared(data.train.x[:32])]))
    slim(found["eight"])
    OnnxStatic().convert(found["dense"], found["four"], iter([data.prepared(data.train.x[:32])]))
    model = onnx.load(found["four"])
    for held in model.graph.initializer:
        if len(held.dims) > 1:
            held.CopyFrom(tensor(held.name, (numpy_helper.to_array(held).astype(int) * 7 // 127).astype(np.int8)))
    found["four"].write_bytes(model.SerializeToString())
    return found


@pytest.fixture(params=["dense", "thin", "eight", "four"])
def file(files, request) -> Path:
    return files[request.param]


def test_the_packed_size_is_that_of_something_one_can_read_back(file):
    held = [i for i in onnx.load(file).graph.initializer if len(i.dims) > 1]
    saved = 0
    for array, needed in ((numpy_helper.to_array(i), bits(i)) for i in held):
        packs = {mask: encoded(array, mask, needed) for mask in (True, False)}
        assert all(np.array_equal(decoded(pack, array, mask, needed), array) for mask, pack in packs.items())
        saved += array.nbytes - min(array.nbytes, *map(len, packs.values()))
    assert packed(file)[1].value == file.stat().st_size - saved


def test_four_bits_that_are_stored_as_eight_pack_to_half(files):
    assert set(stored_bits(files["four"]).values()) == {4}
    dense = sum(w.dense for w in weights(files["four"]))
    assert files["four"].stat().st_size - packed(files["four"])[1].value >= dense // 2


def test_the_compressed_size_is_that_of_something_one_can_read_back(file):
    content = file.read_bytes()
    assert lzma.decompress(squeezed(content)) == content
    assert compressed(file).value == len(squeezed(content))
    assert squeezed(content) == squeezed(content)


def test_a_small_window_costs_little(files):
    for file in files.values():
        content = file.read_bytes()
        assert len(squeezed(content)) < 1.02 * len(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))


def test_zeros_make_a_file_smaller_both_ways(files):
    dense, thin, eight = (
        {m.metric: m for m in (*packed(files[name]), compressed(files[name]))} for name in ("dense", "thin", "eight")
    )
    assert dense["sparsity"].value < 0.01 < 0.7 < thin["sparsity"].value < eight["sparsity"].value
    for metric in ("size_packed", "size_lzma"):
        assert eight[metric].value < 0.6 * thin[metric].value < 0.6 * 0.4 * dense[metric].value
    assert set(thin) <= set(METRICS)
    assert [m.how for m in thin.values()] == ["counted", "counted", "measured"]


def test_a_file_without_weights(tmp_path):
    file = written(tmp_path / "none.onnx", tensor("b", np.ones(3, dtype=np.float32)))
    sparsity, size = packed(file)
    assert (sparsity.value, size.value) == (0.0, file.stat().st_size)
