"""Which programs run files on devices, what files they want, and which of ours answers for a foreign one."""

from functools import cache
from typing import get_args

from pydantic_core import PydanticCustomError

from autocompress import plugin
from autocompress.config.diagnostic import did_you_mean
from autocompress.values.device import Export

EXPORTS: tuple[Export, ...] = get_args(Export)
# Name -> the files it wants, unless the device says otherwise.
FORMATS: dict[str, Export] = {
    **dict.fromkeys(("onnxruntime", "openvino", "coreml", "ai8x", "custom"), "onnx"),
    **dict.fromkeys(("x-cube-ai", "tensorrt", "qnn", "gapflow"), "onnx-qdq"),
    **dict.fromkeys(("litert", "tflite", "tflite-micro", "ethos-u-vela", "edgetpu", "hale"), "tflite"),
    "executorch": "pte",
}
STANDS_IN: dict[Export, str] = {
    "onnx": "onnxruntime",
    "onnx-qdq": "onnxruntime",
    "tflite": "litert",
    "pte": "executorch",
}
SAME = {"tflite": "litert"}  # TensorFlow Lite is called LiteRT now


@cache
def ours() -> list[str]:
    """Our own, and those of other packages: looking takes milliseconds, and is asked for with each line of a file."""
    return [found.name for found in plugin.listing() if found.kind == "runtimes"]


def runtime(name: str) -> str:
    known = ours()
    if name.replace("-", "_") in known:
        return name.replace("-", "_")
    if name in FORMATS:
        return name
    text = f"no runtime is called '{name}'{did_you_mean(name, (*known, *FORMATS))}"
    hint = f"known: {', '.join(dict.fromkeys((*known, *FORMATS)))}; for any other write 'custom'"
    raise PydanticCustomError("unknown-name", "{text}", {"text": text, "hint": hint})


def own(name: str) -> str | None:
    """The plug-in of ours that is this runtime, if we have it."""
    known = ours()
    return next((one for one in (name, SAME.get(name)) if one in known), None)


def here(name: str, export: Export) -> str:
    """The plug-in of ours that runs its files: itself, or one that reads the same files."""
    return own(name) or STANDS_IN[export]
