"""How long one call takes: CPU time of one thread, over several fresh processes, interleaved with a reference file.

CPU time and not wall time, because a loaded machine makes wall time wrong by a factor and CPU time by a few per cent;
several processes, because each session keeps its own luck with memory for life; never the fastest run.
"""

import functools
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autocompress import errors
from autocompress.errors import Failure
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.values.device import Protocol
from autocompress.values.measurement import Measurement

PACKAGES = Path(errors.__file__).parents[1]  # where a child finds this package


def latency(
    candidate: Path,
    reference: Path,
    runtime: Mapping[str, Any],
    inputs: tuple[int, int, int],
    protocol: Protocol,
    timeout: float = 60.0,
) -> tuple[Measurement, ...]:
    """latency_p50 and latency_p95 of `candidate`, in seconds. `runtime` is `{use: name, ...}`; the reference takes
    the same inputs; `timeout` is per process."""
    opened = make(Runtime, dict(runtime))
    if opened.threads != 1:
        raise ValueError(f"latency is measured with 1 thread, by CPU time; got threads: {opened.threads}")
    question = {
        "runtime": dict(runtime),
        "files": [str(candidate.resolve()), str(reference.resolve())],
        "shape": [protocol.batch, *inputs],
        "warmup": protocol.warmup,
        "runs": protocol.runs,
    }
    answers = [_ask(question, timeout) for _ in range(protocol.processes)]
    mine = np.array([answer["times"][0] for answer in answers])
    ratio = statistics.median(float(np.median(a["times"][0]) / np.median(a["times"][1])) for a in answers)
    contention = sum(a["wall"] for a in answers) / sum(a["cpu"] for a in answers)
    calls = statistics.median(a["calls"][0] for a in answers)
    note = f"contention {contention:.2f}; {ratio:.3f} x reference {reference.name}; runs of {calls:g} calls"
    on = f"{candidate.name}, {opened.version}, 1 thread, batch {protocol.batch}, {machine()}"
    measurements = []
    for metric, percent in (("latency_p50", 50), ("latency_p95", 95)):
        each = np.percentile(mine, percent, axis=1)
        spread = float(each.std(ddof=1) / len(each) ** 0.5) if len(each) > 1 else None
        value = float(np.median(each))
        measurements.append(
            Measurement(metric=metric, value=value, how="measured", on=on, spread=spread, n=mine.size, note=note)
        )
    return tuple(measurements)


def _ask(question: dict[str, Any], timeout: float) -> dict[str, Any]:
    """One fresh process. The current folder is kept out of its path: a folder called `onnx` there would be imported."""
    path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH", "")]))
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "autocompress.measure.stopwatch"],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **one, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired:
        raise Failure("measure", f"latency of {question['files'][0]}: no answer after {timeout:g} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise Failure("measure", f"latency of {question['files'][0]}: {said[-1]}")
    answer: dict[str, Any] = json.loads(done.stdout)
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
