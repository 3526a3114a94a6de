"""Where a model must fit: one operating point of one board, with its limits. Resolved: plain SI numbers, no files."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from autocompress.values.limit import Limit, Objective

DeviceKind = Literal["mcu", "mcu-npu", "wearable-soc", "phone", "sbc", "npu", "cpu", "gpu"]


class Runtime(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "onnxruntime"
    version: str = ""
    threads: int = Field(1, ge=1)


class Protocol(BaseModel):
    """How often a latency is taken: fresh processes x runs, each run interleaved with a reference model."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    batch: int = Field(1, ge=1)
    warmup: int = Field(5, ge=0)
    runs: int = Field(20, ge=3)
    processes: int = Field(5, ge=1)


class Device(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    kind: DeviceKind
    vendor: str = ""
    core: str = "any"
    machine: str | None = None  # what `platform.machine()` must say where the numbers are measured; None: anything
    clock_hz: float | None = None
    ram_bytes: float | None = None  # usable: total minus reserved
    flash_bytes: float | None = None
    runtime: Runtime = Runtime()
    bits: tuple[int, ...] = (8, 32)
    round_to: int = Field(1, ge=1)
    measurement: Literal["local"] = "local"
    protocol: Protocol = Protocol()
    limits: tuple[Limit, ...] = ()
    objectives: tuple[Objective, ...] = ()
