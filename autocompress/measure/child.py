"""Ask a fresh process: a question goes in as JSON, an answer comes out. Each measurement has one for itself."""

import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autocompress import errors
from autocompress.errors import Failure

PACKAGES = Path(errors.__file__).parents[1]  # where a child finds this package
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def ask(module: str, question: Mapping[str, Any], about: str, timeout: float, threads: int = 1) -> dict[str, Any]:
    """`about` begins the message of the Failure that it is when no answer comes.

    The current folder is kept out of the child's path: a folder called `onnx` there would be imported.
    """
    path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH", "")]))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", f"autocompress.measure.{module}"],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **dict.fromkeys(POOLS, str(threads)), "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired:
        raise Failure("measure", f"{about}: no answer after {timeout:g} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise Failure("measure", f"{about}: {said[-1]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # a runtime may have greeted before
    return answer


@functools.cache
def machine() -> str:
    """What the numbers were taken on, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        name = ""
    return f"{name} ({platform.machine()})" if name else platform.machine()
