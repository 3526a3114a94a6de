"""Where a model must fit: one operating point of one board, with its limits. Resolved: plain SI numbers, no files."""

import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autocompress.values.limit import Limit, Objective

DeviceKind = Literal["mcu", "mcu-npu", "wearable-soc", "phone", "sbc", "npu", "cpu", "gpu"]
Export = Literal["onnx", "onnx-qdq", "tflite", "pte"]
Origin = Literal["measured", "vendor", "estimated", "assumed"]
Pattern = Literal["none", "2:4"]
Plug = dict[str, Any]  # {"use": name, **settings}


GONE = ("provider", "options", "external", "bandwidth", "granularity", "symmetric")  # said nothing to anybody


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_gone(cls, given: Any) -> Any:
        """Stored studies may hold it."""
        return {k: v for k, v in given.items() if k not in GONE} if isinstance(given, dict) else given


class Provenance(_Value):
    """Where a number of a device file comes from. What nobody vouches for is assumed."""

    how: Origin = "assumed"
    source: str = ""  # an address
    by: str = ""
    date: str = ""  # when it was found
    until: str = ""  # the last day on which to believe it; both as 2026-11-21
    error: float | None = None  # relative

    def is_past(self, today: datetime.date) -> bool:
        return bool(self.until) and datetime.date.fromisoformat(self.until) < today


class Runtime(_Value):
    """What runs the files: `name` here, `of` on the device, where that is another program."""

    name: str = "onnxruntime"  # one of our plug-ins; for a foreign runtime the one that stands in for it
    of: str = ""
    version: str = ""
    export: Export = "onnx"
    threads: int = Field(1, ge=1)
    flash_code: float = 0.0  # bytes that the runtime's code takes beside the model
    ram_runtime: float = 0.0  # bytes that it takes beside the activations

    @property
    def title(self) -> str:
        """What people call it."""
        return " ".join(filter(None, (self.of or self.name, self.version)))


class Memory(_Value):
    """Bytes."""

    total: float
    reserved: float = 0.0
    fast: float | None = None  # part of the total: tightly coupled, or on the chip
    io_in_arena: bool = True  # input and output lie among the activations

    @property
    def usable(self) -> float:
        return self.total - self.reserved


class Rule(_Value):
    """What an operator may look like."""

    kernel_max: int | None = None
    stride_max: int | None = None
    channels_max: int | None = None
    groups: tuple[int | Literal["depthwise"], ...] = ()  # () is: any


class Operators(_Value):
    """What the device can compute. `allow` None is: anything that is not denied."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    unsupported: Literal["error", "cpu", "warn"] = "error"  # refuse the model, run that on the CPU, or only say so
    limits: dict[str, Rule] = {}


class Protocol(BaseModel):
    """How often a latency is taken: fresh processes x runs, each run interleaved with a reference model."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    batch: int = Field(1, ge=1)
    warmup: int = Field(5, ge=0)
    runs: int = Field(20, ge=3)
    processes: int = Field(5, ge=1)


class Device(_Value):
    id: str
    name: str
    kind: DeviceKind
    vendor: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""
    soc: str = ""
    core: str = "any"
    isa: tuple[str, ...] = ()
    cores: int = Field(1, ge=1)
    machine: str | None = None  # what `platform.machine()` must say where the numbers are measured; None: anything
    clock_hz: float | None = None
    volts: float | None = None
    regulator: str = ""
    ram: Memory | None = None
    flash: Memory | None = None
    runtimes: tuple[Runtime, ...] = Field((Runtime(),), min_length=1)  # of several, the one that is measured best
    bits: tuple[int, ...] = (8, 32)  # of weights
    activation_bits: tuple[int, ...] = (8, 32)
    mixed: bool = True  # bits may differ between layers
    float_fallback: bool = True  # a layer may stay in 32 bits
    operators: Operators = Operators()
    round_to: int = Field(1, ge=1)
    channel_policy: Literal["prefer", "require"] = "prefer"  # others are told of, or refused
    sparsity: Pattern = "none"  # of the zeros that it skips
    sparse_operators: tuple[str, ...] = ()  # where it does; (): in all
    measurement: Literal["local", "estimate"] = "local"
    protocol: Protocol = Protocol()
    estimators: dict[str, Plug] = {}  # latency, peak_ram, energy -> what tells it without the device
    limits: tuple[Limit, ...] = ()
    objectives: tuple[Objective, ...] = ()
    provenance: dict[str, Provenance] = {}  # dotted path in the file -> where that number comes from

    @property
    def runtime(self) -> Runtime:
        """The only one, or the first of several."""
        return self.runtimes[0]

    @property
    def ram_bytes(self) -> float | None:
        return self.ram.usable if self.ram else None

    @property
    def flash_bytes(self) -> float | None:
        return self.flash.usable if self.flash else None

    def off_grid(self, channels: tuple[int, int]) -> list[int]:
        """Which of the channels into and out of a convolution are no multiple of what it wants. Images have 1 or 3."""
        return [c for c in channels if c > 3 and c % self.round_to]

    def estimator(self, metric: str) -> Plug | None:
        """What tells this metric here without it being measured, if anything does."""
        name = estimated_as(metric)
        if self.measurement == "local" and name == "latency":
            return None  # the file itself is run; an estimate only helps to refuse early
        return self.estimators.get(name)

    def origin(self, path: str) -> Provenance:
        """Where a number comes from: its own provenance, or that of the section it stands in."""
        known = [p for p in self.provenance if path == p or path.startswith(f"{p}.")]
        return self.provenance[max(known, key=len)] if known else Provenance()


def estimated_as(metric: str) -> str:
    """Which estimator tells a metric: the one of latency tells `latency_p95` and `throughput` too."""
    if metric.startswith("latency_") or metric == "throughput":
        return "latency"
    return "energy" if metric == "power" else metric
