"""Write a network as ONNX: any batch, nothing in the file but what it takes to run, equal bytes for equal weights."""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper
from torch import nn

from autocompress.errors import Failure

OPSET = 20  # ONNX Runtime takes it since 1.17
INPUT, OUTPUT = "x", "y"
LIST_OF_ONES = ("strides", "dilations")  # left out, they mean ones


def to_onnx(net: nn.Module, inputs: tuple[int, int, int], path: Path) -> None:
    """Batch norms are folded into their convolutions. `net` is left as it was."""
    still = copy.deepcopy(net).cpu().eval()
    example = torch.zeros(2, *inputs)  # a batch of 1 would be taken for a constant
    batch = torch.export.Dim("n", min=1, max=2**16)
    try:
        with _quietly(), torch.random.fork_rng(devices=[]):
            program = torch.onnx.export(
                still,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: batch},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                verbose=False,
            )
        assert program is not None
        model = program.model_proto
    except Exception as error:  # the exporter raises anything
        reason = str(error).strip().partition("\n")[0]
        raise Failure("export", f"cannot be written as ONNX: {type(error).__name__}: {reason}") from error
    _pool(model.graph)
    _slim(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def slim(path: Path) -> None:
    """Make a file small that other tools wrote, such as a quantizer: names, notes and defaults go, in place."""
    model = onnx.load(path)
    _slim(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _pool(graph: GraphProto) -> None:
    """ReduceMean over a whole map is GlobalAveragePool, which runtimes have in int8 and in their fast layouts."""
    constants = {i.name: i for i in graph.initializer}
    for node in graph.node:
        if node.op_type != "ReduceMean" or len(node.input) < 2 or node.input[1] not in constants:
            continue
        axes = sorted(numpy_helper.to_array(constants[node.input[1]]).tolist())
        keeps = all(a.i == 1 for a in node.attribute if a.name == "keepdims")
        if keeps and axes in ([2, 3], [-2, -1]):
            node.op_type = "GlobalAveragePool"
            del node.input[1:]
            del node.attribute[:]


def _slim(model: ModelProto) -> None:
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    kept = [i for i in graph.initializer if i.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    _rename(graph)
    for node in graph.node:
        node.name = ""
        _drop_defaults(node)
    graph.name = "g"
    model.producer_name, model.producer_version = "", ""
    parts = (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *model.functions)
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]


def _rename(graph: GraphProto) -> None:
    """Short names, in order of appearance; the input and the output keep theirs."""
    kept = {value.name for value in (*graph.input, *graph.output)} | {""}
    short: dict[str, str] = {}

    def new(name: str) -> str:
        if name in kept:
            return name
        if name not in short:
            while (candidate := _letters(len(short) + len(kept))) in kept:
                kept.add(f"{candidate} ")  # count on past a name that is taken
            short[name] = candidate
        return short[name]

    for node in graph.node:
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
    for initializer in graph.initializer:
        initializer.name = new(initializer.name)


def _letters(number: int) -> str:
    digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    number, last = divmod(number, len(digits))
    return (_letters(number - 1) if number else "") + digits[last]


def _drop_defaults(node: NodeProto) -> None:
    """An attribute that says what its absence says."""
    if node.domain:
        return
    schema = onnx.defs.get_schema(node.op_type, OPSET).attributes
    for attribute in list(node.attribute):
        value = helper.get_attribute_value(attribute)
        ones = attribute.name in LIST_OF_ONES and set(value) == {1}
        shape = attribute.name == "kernel_shape" and node.op_type == "Conv"  # the weights have it
        default = schema[attribute.name].default_value
        known = default.name and helper.get_attribute_value(default) == value
        if ones or shape or known:
            node.attribute.remove(attribute)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter talks on every channel there is."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
