"""What runs in a worker environment: a question as one line of JSON on stdin, the answer on stdout, files between.

Nothing of autocompress is installed there, so nothing of it is imported here.
"""

import contextlib
import io
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the tools print is no answer
    question = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    json.dump(TASKS[question["do"]](question), answers)
    answers.close()


def _end_with_whoever_asked() -> None:
    sys.stdin.read()  # its end of the pipe goes with it
    os._exit(1)


def litert(question: dict[str, Any]) -> dict[str, Any]:
    """From a .pt2 for one image to a .tflite that takes it with the channels last. If numbers in it are quantized, all
    of the file is integers, input and output too."""
    import litert_torch
    import torch
    import torch.ao.quantization.fx._decomposed
    from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
    from litert_torch.quantize.quant_config import QuantConfig

    net = torch.export.load(question["source"]).module(check_guards=False)
    integers = any("quantized_decomposed" in str(node.target) for node in net.graph.nodes)
    scheme = PT2EQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    c, h, w = question["inputs"]
    made = litert_torch.convert(
        litert_torch.to_channel_last_io(net, args=[0]),
        (torch.zeros(1, h, w, c),),
        quant_config=QuantConfig(pt2e_quantizer=scheme) if integers else None,
    )
    made.export(question["target"])
    return {"integers": integers}


def vela(question: dict[str, Any]) -> dict[str, Any]:
    """Compile a .tflite for an Ethos-U, as its command line would. Its summary is a file; what it leaves to the CPU it
    only prints."""
    from ethosu.vela import __version__
    from ethosu.vela.vela import main as compile_

    with contextlib.redirect_stdout(io.StringIO()) as told:
        compile_(question["arguments"])
    left = re.search(r"CPU operators = (\d+)", told.getvalue())
    return {"version": __version__, "cpu_operators": int(left[1]) if left else None}


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"litert": litert, "vela": vela}

if __name__ == "__main__":
    main()
