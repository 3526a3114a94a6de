"""What operators are called in device files."""

from pydantic_core import PydanticCustomError

from autocompress.config.diagnostic import did_you_mean

OPERATORS = (
    *("conv2d", "pointwise", "depthwise_conv2d", "linear", "matmul", "add", "mul"),
    *("relu", "relu6", "hard_swish", "sigmoid", "softmax", "batch_norm"),
    *("avg_pool2d", "max_pool2d", "global_avg_pool", "concat", "pad", "reshape", "flatten", "transpose"),
)


def operator(name: str) -> str:
    if name not in OPERATORS:
        text = f"no operator is called '{name}'{did_you_mean(name, OPERATORS)}"
        raise PydanticCustomError("bad-value", "{text}", {"text": text, "hint": f"known: {', '.join(OPERATORS)}"})
    return name
