"""`autocompress.device/v1`: where a model must fit. One operating point of one board, in the units people use."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from autocompress.config.cores import known_core, known_isa
from autocompress.config.node import shown
from autocompress.config.operators import OPERATORS, operator
from autocompress.config.provenance import day
from autocompress.config.runtimes import runtime
from autocompress.config.units import Bytes, Count, Fraction, Hertz, Joules, Seconds, Volts, Watts
from autocompress.config.validate import Section
from autocompress.values.device import DeviceKind, Export, Origin, Protocol

SCHEMA = "autocompress.device/v1"
Bits = Literal[1, 2, 4, 8, 16, 32]
Words = Annotated[tuple[str, ...], Field(strict=False)]  # YAML has lists, no tuples
Operator = Annotated[str, AfterValidator(operator)]


def _some(bits: tuple[int, ...]) -> tuple[int, ...]:
    if not bits:
        raise PydanticCustomError("out-of-range", "{text}", {"text": "wants at least one, got none"})
    return bits


def _any(value: Any) -> Any:
    if value == "any":
        return None
    return value if isinstance(value, list | tuple | None) else _refuse("'any' or a list of operators", value)


def _group(value: Any) -> Any:
    fine = value == "depthwise" or (isinstance(value, int) and not isinstance(value, bool) and value > 0)
    return value if fine else _refuse("a number of groups or 'depthwise'", value)


def _day(value: Any) -> Any:
    return value if day(value) else _refuse("a day such as 2026-11-21", value)


def _refuse(wanted: str, value: Any) -> Any:
    raise PydanticCustomError("wrong-type", "{text}", {"text": f"wants {wanted}, got {shown(value)}"})


GROUP = WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "depthwise"}]})
ANY = WithJsonSchema({"anyOf": [{"const": "any"}, {"type": "array", "items": {"enum": list(OPERATORS)}}]})
Group = Annotated[Any, BeforeValidator(_group), GROUP]
Day = Annotated[str, BeforeValidator(_day)]
Allowed = Annotated[tuple[Operator, ...] | None, Field(strict=False), BeforeValidator(_any), ANY]


class Supply(Section):
    voltage: Annotated[Volts, Field(gt=0)] | None = None
    regulator: str = ""


class Hardware(Section):
    soc: str = ""
    core: Annotated[str, AfterValidator(known_core)]
    isa: Annotated[Words, AfterValidator(known_isa)] = ()
    cores: Annotated[int, Field(ge=1)] = 1
    clock: Annotated[Hertz, Field(gt=0)] | None = None
    supply: Supply = Supply()


class Store(Section):
    total: Annotated[Bytes, Field(gt=0)]
    reserved: Bytes = 0.0


class Ram(Store):
    fast: Bytes | None = None  # part of the total
    io_in_arena: bool = True


class Memory(Section):
    ram: Ram | None = None
    flash: Store | None = None


class Overheads(Section):
    flash_code: Bytes = 0.0
    ram_runtime: Bytes = 0.0


class Runs(Section):
    name: Annotated[str, AfterValidator(runtime)]
    version: str = ""
    export: Export | None = None  # None: what this runtime usually wants
    threads: Annotated[int, Field(ge=1)] = 1
    overheads: Overheads = Overheads()

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if isinstance(given, str):
            raise PydanticCustomError(
                "wrong-type", "{text}", {"text": f"wants a mapping, got '{given}'", "hint": f"write {{name: {given}}}"}
            )
        return given


class Weights(Section):
    bits: Annotated[tuple[Bits, ...], Field(strict=False), AfterValidator(_some)] = (8, 32)


class Activations(Section):
    bits: Annotated[tuple[Bits, ...], Field(strict=False), AfterValidator(_some)] | None = None  # those of weights


class Precision(Section):
    weights: Weights = Weights()
    activations: Activations = Activations()
    mixed: bool = True
    float_fallback: Literal["allowed", "forbidden"] = "allowed"


class OperatorRule(Section):
    kernel_max: Annotated[int, Field(ge=1)] | None = None
    stride_max: Annotated[int, Field(ge=1)] | None = None
    channels_max: Annotated[int, Field(ge=1)] | None = None
    groups: Annotated[tuple[Group, ...], Field(strict=False)] = ()


class Channels(Section):
    round_to: Annotated[int, Field(ge=1, le=256)] = 1
    policy: Literal["prefer", "require"] = "prefer"


class Operators(Section):
    allow: Allowed = None  # None: any
    deny: Annotated[tuple[Operator, ...], Field(strict=False)] = ()
    unsupported: Literal["error", "cpu", "warn"] = "error"
    limits: dict[Operator, OperatorRule] = Field(default_factory=dict)
    channels: Channels = Channels()


class Sparsity(Section):
    pattern: Literal["none", "2:4"] = "none"  # of the zeros that it skips
    applies_to: Annotated[tuple[Operator, ...], Field(strict=False)] = ()  # (): all


class Agent(Section):
    url: str
    token_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    tls_fingerprint: str = ""


class Measured(Section):
    use: Literal["local", "agent", "estimate", "replay"]
    protocol: Protocol = Protocol()
    agent: Agent | None = None
    estimators: dict[str, Any] = Field(default_factory=dict)  # see estimators.py


class Point(Section):
    """One network that was run: what an estimator can be held against."""

    model: str
    latency: Seconds | None = None
    energy: Joules | None = None
    power: Watts | None = None
    peak_ram: Bytes | None = None
    flash: Bytes | None = None
    accuracy: Fraction | None = None
    macs: Count | None = None
    threads: int | None = None
    bits: Bits | None = None


class Evidence(Section):
    how: Origin
    source: str
    by: str = ""
    date: Day = ""  # when it was found
    until: Day = ""  # the last day on which to believe it
    note: str = ""  # for readers of the file, as the next two
    runtime: str = ""
    points: list[Point] = Field(default_factory=list)


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
    runtime: Annotated[tuple[Runs, ...], Field(strict=False)]  # one mapping is a list of one
    precision: Precision = Precision()
    operators: Operators = Operators()
    sparsity: Sparsity = Sparsity()
    measurement: Measured
    limits: Any = None  # see limits.py
    objectives: Any = None
    evidence: dict[str, Evidence] = Field(default_factory=dict)
