"""Weigh one file in a fresh process: a question as JSON on stdin, the bytes of memory that it took on stdout.

`python -m autocompress.measure.scale`. What Python, numpy and the runtime take is there before, and not counted: a
session on an empty model has run.
"""

import gc
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make

STATUS, REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
CALLS = 3  # a runtime may ask for more at the second


def main() -> None:
    answer = weighed(json.load(sys.stdin))
    print(json.dumps(answer))


def weighed(question: dict[str, Any]) -> dict[str, Any]:
    """`bytes` above what was there before; `exact` unless the peak of starting up hides a part of them."""
    runtime = make(Runtime, question["runtime"])
    x = np.random.default_rng(0).standard_normal(question["shape"], dtype=np.float32)
    runtime.open(Path(question["empty"]))(x)
    gc.collect()
    exact = _forget_peak()
    before = _status("VmRSS" if exact else "VmHWM")
    session = runtime.open(Path(question["file"]))
    for _ in range(CALLS):
        session(x)
    return {"bytes": max(0, _status("VmHWM") - before), "exact": exact}


def _forget_peak() -> bool:
    """From here on the peak is a new one; not every container lets us say so."""
    try:
        REFS.write_text("5")
    except OSError:
        return False
    return True


def _status(name: str) -> int:
    """Bytes. Not `ru_maxrss`: that of a child begins with what its parent weighs."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
