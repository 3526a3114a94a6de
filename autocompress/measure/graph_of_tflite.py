"""The operations of a .tflite file, which has them as they run: nothing is left to fold."""

from dataclasses import replace
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

from autocompress.errors import Failure
from autocompress.measure.graph import Graph, Kind, Operation, Shape, Tensor

KINDS: dict[str, Kind] = {
    "CONV_2D": "conv2d",
    "DEPTHWISE_CONV_2D": "depthwise_conv2d",
    "FULLY_CONNECTED": "linear",
    "BATCH_MATMUL": "matmul",
    "ADD": "add",
    "SUB": "add",
    "MUL": "mul",
    "RELU": "relu",
    "RELU6": "relu6",
    "HARD_SWISH": "hard_swish",
    "LOGISTIC": "sigmoid",
    "SOFTMAX": "softmax",
    "AVERAGE_POOL_2D": "avg_pool2d",
    "MAX_POOL_2D": "max_pool2d",
    "CONCATENATION": "concat",
    "PAD": "pad",
    "PADV2": "pad",
    "RESHAPE": "reshape",
    "TRANSPOSE": "transpose",
}
BITS = {
    **{"FLOAT32": 32, "INT32": 32, "INT64": 64, "FLOAT16": 16, "INT16": 16},
    **{"INT8": 8, "UINT8": 8, "BOOL": 8, "INT4": 4},
}
ACTIVATIONS = {"RELU": "relu", "RELU6": "relu6"}


def graph(path: Path) -> Graph:
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ModuleNotFoundError as error:
        raise Failure("measure", "reading .tflite files takes the package ai-edge-litert") from error
    try:
        model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        return _graph(model, schema)
    except Exception as error:  # of a file that strangers wrote, anything
        text = f"cannot read the operations of {path.name}: {type(error).__name__}: {error}"
        raise Failure("measure", text) from error


def _graph(model: Any, schema: Any) -> Graph:
    main = model.subgraphs[0]
    codes, types = _words(schema.BuiltinOperator), _words(schema.TensorType)
    activations = _words(schema.ActivationFunctionType)
    weights = {i for i, tensor in enumerate(main.tensors) if _has_data(model.buffers[tensor.buffer])}
    names = [f"{i}" for i in range(len(main.tensors))]  # names in the file need not differ
    tensors = {
        names[i]: Tensor(_first(tensor.shape), BITS.get(types[tensor.type], 32))
        for i, tensor in enumerate(main.tensors)
        if i not in weights
    }
    operations = []
    for step, found in enumerate(main.operators):
        code = model.operatorCodes[found.opcodeIndex]
        word = codes[max(code.builtinCode, code.deprecatedBuiltinCode)]
        reads = [int(i) for i in found.inputs if i >= 0 and int(i) not in weights]
        owned = [main.tensors[i] for i in found.inputs if int(i) in weights]
        operation = Operation(
            kind=KINDS.get(word, "other"),
            name=f"{word} {step}",
            reads=tuple(dict.fromkeys(names[i] for i in reads)),
            writes=tuple(names[int(i)] for i in found.outputs),
            shape_in=tensors[names[reads[0]]].shape if reads else (),
            shape_out=tensors[names[int(found.outputs[0])]].shape,
            bits=max(tensors[names[int(i)]].bits for i in (*reads, *found.outputs)),
            activation=ACTIVATIONS.get(activations[getattr(found.builtinOptions, "fusedActivationFunction", 0)], ""),
        )
        operations.append(_detailed(operation, found, owned, types))
    used = {name for operation in operations for name in (*operation.reads, *operation.writes)}
    return Graph(
        tuple(operations),
        MappingProxyType({name: tensor for name, tensor in tensors.items() if name in used}),
        tuple(names[int(i)] for i in main.inputs),
        tuple(names[int(i)] for i in main.outputs),
    )


def _detailed(operation: Operation, found: Any, owned: list[Any], types: dict[int, str]) -> Operation:
    """Counts for those that have weights, windows for those that slide."""
    options, out = found.builtinOptions, prod(operation.shape_out)
    if operation.kind in ("conv2d", "depthwise_conv2d", "linear", "add", "mul"):
        sizes = [(prod(map(int, tensor.shape)), BITS.get(types[tensor.type], 32)) for tensor in owned]
        operation = replace(
            operation,
            weights=sum(size for size, _ in sizes),
            weight_bytes=sum(-(-size * bits // 8) for size, bits in sizes),
        )
    if operation.kind in ("conv2d", "depthwise_conv2d"):
        return _convolution(operation, options, tuple(map(int, owned[0].shape)))
    if operation.kind == "linear":
        inner = int(owned[0].shape[-1]) if owned else operation.shape_in[-1]
        return replace(operation, macs=out * inner)
    if operation.kind == "matmul":
        return replace(operation, macs=out * operation.shape_in[-2 if options.adjX else -1])
    if operation.kind in ("avg_pool2d", "max_pool2d"):
        kernel, stride = (options.filterHeight, options.filterWidth), (options.strideH, options.strideW)
        return replace(operation, kernel=kernel, stride=stride)
    if operation.name.startswith("MEAN") and len(operation.shape_in) == 4 and out == operation.shape_in[1]:
        return replace(operation, kind="global_avg_pool")
    return operation


def _convolution(operation: Operation, options: Any, weight: Shape) -> Operation:
    """Filters are (out, high, wide, in); those of depthwise convolutions (1, high, wide, out)."""
    kernel = (weight[1], weight[2])
    depthwise = operation.kind == "depthwise_conv2d"
    kind: Kind = operation.kind
    if depthwise and operation.channels[0] == 1:
        kind = "conv2d"  # of one channel, which the converter likes to write so
    elif not depthwise and kernel == (1, 1):
        kind = "pointwise"
    per_output = kernel[0] * kernel[1] * (1 if depthwise else weight[3])
    return replace(
        operation,
        kind=kind,
        kernel=kernel,
        stride=(options.strideH, options.strideW),
        groups=operation.channels[0] if depthwise else operation.channels[0] // weight[3],
        macs=prod(operation.shape_out) * per_output,
    )


def _has_data(buffer: Any) -> bool:
    return buffer.data is not None and len(buffer.data) > 0


def _first(shape: Any) -> Shape:
    """Channels before height and width, as everywhere in this house."""
    sides = tuple(map(int, shape if shape is not None else ()))
    return (sides[0], sides[3], sides[1], sides[2]) if len(sides) == 4 else sides


def _words(enum: Any) -> dict[int, str]:
    return {value: word for word, value in vars(enum).items() if isinstance(value, int)}
