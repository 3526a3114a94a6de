"""Bytes that a model takes where it runs: memory at its peak, measured on Linux; flash, by adding up."""

import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autocompress.errors import Failure
from autocompress.measure.child import ask, machine
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.values.device import Protocol
from autocompress.values.measurement import Measurement
from autocompress.values.metric import show

TIMES = 3  # fresh processes
LOWER = "; a lower bound: the peak could not be reset here, so it is what rose above that of starting up"


def peak_ram(
    candidate: Path,
    empty: Path,
    runtime: Mapping[str, Any],
    inputs: tuple[int, int, int],
    protocol: Protocol,
    timeout: float = 60.0,
) -> Measurement:
    """What loading and running `candidate` adds to the resident memory of a process in which `empty` has run."""
    if sys.platform != "linux":
        raise Failure("measure", f"peak_ram is measured on Linux, by what /proc says; this is {sys.platform}")
    opened = make(Runtime, dict(runtime))
    question = {
        "runtime": dict(runtime),
        "file": str(candidate.resolve()),
        "empty": str(empty.resolve()),
        "shape": [protocol.batch, *inputs],
    }
    about = f"peak_ram of {candidate}"
    answers = [ask("scale", question, about, timeout, opened.threads) for _ in range(TIMES)]
    weights = [float(a["bytes"]) for a in answers]
    exact = all(a["exact"] for a in answers)
    return Measurement(
        metric="peak_ram",
        value=statistics.median(weights),
        how="measured",
        on=f"{candidate.name}, {opened.version}, batch {protocol.batch}, {machine()}",
        spread=1.16 * statistics.stdev(weights) / TIMES**0.5,  # of a median of three
        n=TIMES,
        note="resident memory beside the runtime's own" + ("" if exact else LOWER),
    )


def flash(stored: float, code: float, what: str) -> Measurement:
    """Bytes of the model as the device stores it, be it the whole file or its weights, and of the code that runs it."""
    note = f"{show('flash', code)} of it are the runtime's code"
    return Measurement(metric="flash", value=stored + code, how="counted", on=what, note=note)
