"""`autocompress.device/v1`: where a model must fit. One operating point of one board, in the units people use."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from autocompress import plugin
from autocompress.config.diagnostic import Diagnostic, did_you_mean
from autocompress.config.extends import whole
from autocompress.config.limits import Promise, limits, objectives
from autocompress.config.node import Node
from autocompress.config.units import Bytes, Hertz
from autocompress.config.validate import Section, validated
from autocompress.values.device import Device, DeviceKind, Protocol, Runtime
from autocompress.values.limit import Objective

SCHEMA = "autocompress.device/v1"
Bits = Literal[1, 2, 4, 8, 16, 32]
Words = Annotated[tuple[str, ...], Field(strict=False)]  # YAML has lists, no tuples

# What `platform.machine()` says on a machine with this core; None: any machine will do.
MACHINES: dict[str, str | None] = {
    "any": None,
    "x86-64": "x86_64",
    "apple-silicon": "arm64",
    **{f"cortex-a{n}": "aarch64" for n in (53, 55, 57, 72, 73, 75, 76, 77, 78, 510, 520, 710, 715, 720, 725)},
    **{f"cortex-x{n}": "aarch64" for n in (1, 2, 3, 4)},
    **{f"neoverse-{n}": "aarch64" for n in ("n1", "n2", "v1", "v2")},
}
# Cores that cannot run autocompress themselves. The schema knows them; measuring on them needs an agent.
AWAY = (
    *("cortex-m0+", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"),
    *("max78000", "ethos-u55", "ethos-u65", "hexagon", "edge-tpu", "ampere-sm86", "ampere-sm87", "hopper-sm90"),
)
RUNTIMES = (
    *("onnxruntime", "executorch", "tflite", "tflite-micro", "x-cube-ai", "tensorrt", "openvino", "qnn", "coreml"),
    *("ethos-u-vela", "ai8x"),
)


def _core(core: str) -> str:
    if core in AWAY:
        text = f"'{core}' cannot run autocompress itself, and agents are not available yet"
        raise PydanticCustomError("unsupported", "{text}", {"text": text, "hint": "measure on a machine that can"})
    if core not in MACHINES:
        text = f"no core is called '{core}'{did_you_mean(core, (*MACHINES, *AWAY))}"
        raise PydanticCustomError("bad-value", "{text}", {"text": text, "hint": f"known: {', '.join(MACHINES)}"})
    return core


def _here(use: str) -> str:
    if use != "local":
        raise PydanticCustomError("unsupported", "{text}", {"text": f"'{use}' is not available yet; use 'local'"})
    return use


def _runtime(name: str) -> str:
    ours = [found.name for found in plugin.listing() if found.kind == "runtimes"]
    if name.replace("-", "_") in ours:
        return name.replace("-", "_")
    if name in RUNTIMES:
        text = f"'{name}' is not available yet; use {' or '.join(map(repr, ours)) or 'another'}"
        raise PydanticCustomError("unsupported", "{text}", {"text": text})
    text = f"no runtime is called '{name}'{did_you_mean(name, (*ours, *RUNTIMES))}"
    raise PydanticCustomError("unknown-name", "{text}", {"text": text})


def _pattern(pattern: str) -> str:
    if pattern != "none":
        raise PydanticCustomError("unsupported", "{text}", {"text": f"'{pattern}' is not available yet; use 'none'"})
    return pattern


class Hardware(Section):
    soc: str = ""
    core: Annotated[str, AfterValidator(_core)]
    isa: Words = ()
    cores: Annotated[int, Field(ge=1)] = 1
    clock: Annotated[Hertz, Field(gt=0)] | None = None


class Store(Section):
    total: Annotated[Bytes, Field(gt=0)]
    reserved: Bytes = 0.0


class Memory(Section):
    ram: Store | None = None
    flash: Store | None = None


class Runs(Section):
    name: Annotated[str, AfterValidator(_runtime)]
    version: str = ""
    threads: Annotated[int, Field(ge=1)] = 1


class Weights(Section):
    bits: Annotated[tuple[Bits, ...], Field(min_length=1, strict=False)] = (8, 32)


class Precision(Section):
    weights: Weights = Weights()


class Channels(Section):
    round_to: Annotated[int, Field(ge=1, le=256)] = 1


class Operators(Section):
    channels: Channels = Channels()


class Sparsity(Section):
    structured: Annotated[tuple[Literal["channel"], ...], Field(strict=False)] = ("channel",)
    pattern: Annotated[Literal["none", "2:4", "block"], AfterValidator(_pattern)] = "none"


class Measured(Section):
    use: Annotated[Literal["local", "agent", "estimate", "replay"], AfterValidator(_here)]
    protocol: Protocol = Protocol()


class Evidence(Section):
    how: Literal["measured", "vendor", "estimated", "assumed"]
    source: str
    by: str = ""
    date: str = ""
    note: str = ""


class DeviceFile(Section):
    schema_: Literal["autocompress.device/v1"] = Field("autocompress.device/v1", alias="schema")
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,63}$")]
    name: str
    kind: DeviceKind
    vendor: str = ""
    tags: Words = ()
    notes: str = ""
    hardware: Hardware
    memory: Memory = Memory()
    runtime: Runs
    precision: Precision = Precision()
    operators: Operators = Operators()
    sparsity: Sparsity = Sparsity()
    measurement: Measured
    limits: Any = None  # see limits.py
    objectives: Any = None
    evidence: dict[str, Evidence] = Field(default_factory=dict)


class Target(NamedTuple):
    """A device as its file says it, with the places of its limits."""

    device: Device | None
    limits: dict[str, Promise]
    objectives: tuple[Objective, ...]


def target(node: Node, mistakes: list[Diagnostic]) -> Target:
    """Read a device, with everything it inherits."""
    before = len(mistakes)
    node = whole(node, mistakes)
    file = validated(DeviceFile, node, mistakes)
    promises = limits(node.get("limits"), mistakes)
    aims = objectives(node.get("objectives"), mistakes)
    if file is None:
        return Target(None, promises, aims)
    usable = {name: _usable(node.find(("memory", name)), store, mistakes) for name, store in _stores(file)}
    if len(mistakes) > before:
        return Target(None, promises, aims)
    device = Device(
        id=file.id,
        name=file.name,
        kind=file.kind,
        vendor=file.vendor,
        core=file.hardware.core,
        machine=MACHINES[file.hardware.core],
        clock_hz=file.hardware.clock,
        ram_bytes=usable.get("ram"),
        flash_bytes=usable.get("flash"),
        runtime=Runtime(name=file.runtime.name, version=file.runtime.version, threads=file.runtime.threads),
        bits=tuple(sorted(set(file.precision.weights.bits))),
        round_to=file.operators.channels.round_to,
        measurement="local",
        protocol=file.measurement.protocol,
        limits=tuple(promise.limit for promise in promises.values() if promise.limit),
        objectives=aims,
    )
    return Target(device, promises, aims)


def _stores(file: DeviceFile) -> list[tuple[str, Store]]:
    both = (("ram", file.memory.ram), ("flash", file.memory.flash))
    return [(name, store) for name, store in both if store]


def _usable(node: Node, store: Store, mistakes: list[Diagnostic]) -> float:
    if store.reserved >= store.total:
        where = node.get("reserved") or node
        mistakes.append(where.says("out-of-range", "nothing is left: 'reserved' takes all of 'total'"))
    return store.total - store.reserved
