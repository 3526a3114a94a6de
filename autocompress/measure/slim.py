"""Make an ONNX file small: nothing stays in it but what it takes to run."""

from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, NodeProto, helper

LIST_OF_ONES = ("strides", "dilations")  # left out, they mean ones


def slim(path: Path) -> None:
    """A file that other tools wrote, such as a quantizer: names, notes and defaults go, in place."""
    model = onnx.load(path)
    path.write_bytes(slimmed(model))


def slimmed(model: ModelProto) -> bytes:
    """As a file holds it; `model` itself is changed."""
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    kept = [i for i in graph.initializer if i.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    _rename(graph)
    opset = next(each.version for each in model.opset_import if not each.domain)
    for node in graph.node:
        node.name = ""
        _drop_defaults(node, opset)
    graph.name = "g"
    model.producer_name, model.producer_version = "", ""
    parts = (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *model.functions)
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]
    content: bytes = model.SerializeToString(deterministic=True)
    return content


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


def _drop_defaults(node: NodeProto, opset: int) -> None:
    """An attribute that says what its absence says."""
    if node.domain:
        return
    schema = onnx.defs.get_schema(node.op_type, opset).attributes
    for attribute in list(node.attribute):
        value = helper.get_attribute_value(attribute)
        ones = attribute.name in LIST_OF_ONES and set(value) == {1}
        shape = attribute.name == "kernel_shape" and node.op_type == "Conv"  # the weights have it
        default = schema[attribute.name].default_value
        known = default.name and helper.get_attribute_value(default) == value
        if ones or shape or known:
            node.attribute.remove(attribute)
