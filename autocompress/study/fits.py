"""Does a file fit a device? Limit by limit: what it takes, how that is known, how much is left."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from autocompress.measure.graph import Graph
from autocompress.measure.graph_of_file import read
from autocompress.measure.latency import race
from autocompress.measure.memory import flash
from autocompress.measure.rules import Broken, broken
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import find
from autocompress.study.estimates import LATENCIES, estimated
from autocompress.study.here import elsewhere
from autocompress.values.device import Device, estimated_as
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement
from autocompress.values.metric import show
from autocompress.values.soft import Breach, breaches


class Verdict(NamedTuple):
    """One limit. `headroom` is the share of the bound that is left, after the margin; negative: broken."""

    limit: Limit
    value: Measurement | None  # None: nobody can say without more than the file
    why: str = ""

    @property
    def headroom(self) -> float | None:
        if self.value is None or self.limit.bound is None:
            return None
        return 1 - math.exp(self.limit.violation(self.value.value))

    @property
    def holds(self) -> bool | None:
        if self.value is None or self.limit.bound is None:
            return None
        return self.limit.violation(self.value.value) <= 0


class Fit(NamedTuple):
    verdicts: tuple[Verdict, ...]
    known: tuple[Measurement, ...]
    broken: tuple[Broken, ...]
    graph: Graph

    @property
    def fits(self) -> bool:
        """As far as it is known."""
        refused = any(one.fatal for one in self.broken)
        return not refused and not any(v.holds is False and v.limit.hard for v in self.verdicts)

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """Soft limits that it breaks, as far as it is known."""
        return breaches({m.metric: m for m in self.known}, [v.limit for v in self.verdicts])

    def slow_memory(self, device: Device) -> str:
        """What of its memory is not in the fast part, if the device has one; empty where all is, or nobody knows."""
        needs = next((m.value for m in self.known if m.metric == "peak_ram"), 0.0)
        fast = device.ram.fast if device.ram else None
        if fast is None or needs <= fast:
            return ""
        return f"needs {show('peak_ram', needs)} of memory, and {show('peak_ram', fast)} are fast"


def fit(device: Device, file: Path) -> Fit:
    """Reads the file; runs it only where this machine is the device. What cannot be read is a Failure("measure")."""
    graph = read(file)
    known, reasons = _known(device, file, graph)
    verdicts = tuple(Verdict(x, known.get(x.metric), reasons.get(x.metric, "")) for x in device.limits)
    return Fit(verdicts, tuple(known.values()), tuple(broken(graph, device)), graph)


def _known(device: Device, file: Path, graph: Graph) -> tuple[dict[str, Measurement], dict[str, str]]:
    """What can be said of the file, and for what cannot, why."""
    on = file.name
    stored = float(file.stat().st_size)
    counted = {
        "size": Measurement(metric="size", value=stored, how="measured", on=on),
        "flash": _flash(device, stored, graph, on),
        "macs": Measurement(metric="macs", value=graph.macs, how="counted", on=on),
        "params": Measurement(metric="params", value=sum(o.weights for o in graph.operations), how="counted", on=on),
    }
    reasons = {"accuracy": "it takes examples to know"}
    found = dict(counted)
    for m in _measured(device, file, graph, reasons):
        found[m.metric] = m
    limited = {x.metric for x in device.limits}
    told = estimated(device, graph, {name: m.value for name, m in found.items()}, on, limited)
    found |= {m.metric: m for m in told.found}
    reasons |= told.reasons
    return found, reasons


def _flash(device: Device, stored: float, graph: Graph, on: str) -> Measurement:
    """Tools that write code take the weights out of an ONNX file; interpreters are given the file as it is."""
    runtime = device.runtime
    if runtime.of and runtime.export in ("onnx", "onnx-qdq"):
        return flash(graph.weight_bytes, runtime.flash_code, f"the weights of {on}, and {runtime.title}")
    return flash(stored, runtime.flash_code, f"{on}, and {runtime.title}")


def _measured(device: Device, file: Path, graph: Graph, reasons: dict[str, str]) -> Iterator[Measurement]:
    """Latency on the device itself, if this is it and the file is one that its runtime runs."""
    if device.measurement != "local":
        return
    runtime, shape = device.runtime, graph.tensors[graph.inputs[0]].shape
    why = elsewhere(device)
    if not why and find(Runtime, runtime.name).suffix != file.suffix:
        why = f"{runtime.name} runs {find(Runtime, runtime.name).suffix} files"
    if not why and len(shape) != 4:
        why = "it takes no images"
    if why:
        reasons |= dict.fromkeys(LATENCIES, why)
        return
    settings = {"use": runtime.name, "threads": runtime.threads}
    inputs = (shape[1], shape[2], shape[3])
    yield from race((file,), settings, inputs, device.protocol).latency()


def reason(verdict: Verdict) -> str:
    """Why a limit cannot be judged."""
    if verdict.limit.bound is None:
        return "it is relative to a teacher, whom only a study has"
    return verdict.why or f"nothing tells {estimated_as(verdict.limit.metric)} here"
