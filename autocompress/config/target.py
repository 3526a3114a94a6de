"""A device file with everything it inherits, as a `Device`: checked, resolved, each number with where it comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from autocompress.config.cores import MACHINES
from autocompress.config.device_file import DeviceFile, Runs, Store
from autocompress.config.device_rules import alone, promised, secrets
from autocompress.config.diagnostic import Diagnostic, errors
from autocompress.config.estimators import Estimates, estimates
from autocompress.config.extends import whole
from autocompress.config.limits import Promise, aimed_at, limits, objectives
from autocompress.config.node import Node
from autocompress.config.provenance import Sources
from autocompress.config.runtimes import FORMATS, here, own
from autocompress.config.validate import validated
from autocompress.values.device import Device, Memory, Operators, Provenance, Rule, Runtime, estimated_as
from autocompress.values.limit import Objective


class Target(NamedTuple):
    """A device as its file says it, with the places of its limits."""

    device: Device | None
    limits: dict[str, Promise]
    objectives: tuple[Objective, ...]
    errors: Mapping[str, float] = {}  # of its estimators


def target(node: Node, mistakes: list[Diagnostic]) -> Target:
    """Read a device, with everything it inherits."""
    before = len(errors(mistakes))
    if not isinstance(node.value, dict):
        validated(DeviceFile, node, mistakes)  # says what it is instead
        return Target(None, {}, ())
    node, stale = whole(node, mistakes)
    orphan = len(errors(mistakes)) > before
    sources = Sources(node.get("evidence"), mistakes, {})
    evidence = {k: v for k, v in node.fields.items() if k == "evidence"}
    node = sources.plain(replace(node, value={k: v for k, v in node.fields.items() if k != "evidence"}))
    node = _listed(replace(node, value={**node.fields, **evidence}))
    node = secrets(node, mistakes)
    file = validated(DeviceFile, node, mistakes)
    if orphan:  # what it seems to lack may be what it would inherit
        mistakes[:] = [mistake for mistake in mistakes if mistake.code != "missing-key"]
    hardware, measurement = node.get("hardware"), node.get("measurement")
    clock = bool(hardware and hardware.get("clock"))
    told = estimates(measurement.get("estimators") if measurement else None, sources, clock, stale)
    promises = limits(node.get("limits"), mistakes)
    aims = objectives(node.get("objectives"), mistakes)
    if file is None:
        return Target(None, promises, aims)
    alone(file, node, mistakes)
    if len(errors(mistakes)) > before:
        return Target(None, promises, aims)
    device = _device(file, told, {**sources.found, **told.origins})
    promises = spared(promises, device, told.errors)
    promised(device, promises, aimed_at(node.get("objectives")), mistakes)
    if len(errors(mistakes)) > before:
        return Target(None, promises, aims)
    kept = tuple(promise.limit for promise in promises.values() if promise.limit)
    return Target(device.model_copy(update={"limits": kept, "objectives": aims}), promises, aims, told.errors)


def spared(promises: Mapping[str, Promise], device: Device, known: Mapping[str, float]) -> dict[str, Promise]:
    """Where a metric is estimated and nobody has said how much must be left: as much as the estimator may be wrong."""

    def with_margin(metric: str, promise: Promise) -> Promise:
        error = known.get(estimated_as(metric), 0.0)
        if promise.limit is None or promise.has_margin or device.estimator(metric) is None or not error:
            return promise
        return promise._replace(limit=promise.limit.model_copy(update={"margin": error}))

    return {metric: with_margin(metric, promise) for metric, promise in promises.items()}


def _listed(node: Node) -> Node:
    """One runtime is a list of one."""
    runtime = node.get("runtime")
    if runtime is None or isinstance(runtime.value, list):
        return node
    return replace(node, value={**node.fields, "runtime": replace(runtime, value=[runtime])})


def _device(file: DeviceFile, told: Estimates, origins: Mapping[str, Provenance]) -> Device:
    hardware, precision, operators, measurement = file.hardware, file.precision, file.operators, file.measurement
    assert measurement.use in ("local", "estimate"), "the others were refused"
    return Device(
        id=file.id,
        name=file.name,
        kind=file.kind,
        vendor=file.vendor,
        tags=file.tags,
        notes=file.notes,
        soc=hardware.soc,
        core=hardware.core,
        isa=hardware.isa,
        cores=hardware.cores,
        machine=MACHINES[hardware.core] if measurement.use == "local" else None,
        clock_hz=hardware.clock,
        volts=hardware.supply.voltage,
        regulator=hardware.supply.regulator,
        ram=_memory(file.memory.ram),
        flash=_memory(file.memory.flash),
        runtimes=tuple(map(_runtime, file.runtime)),
        bits=_ordered(precision.weights.bits),
        activation_bits=_ordered(precision.activations.bits or precision.weights.bits),
        mixed=precision.mixed,
        float_fallback=precision.float_fallback == "allowed",
        operators=Operators(
            allow=operators.allow,
            deny=operators.deny,
            unsupported=operators.unsupported,
            limits={name: Rule(**rule.model_dump()) for name, rule in operators.limits.items()},
        ),
        round_to=operators.channels.round_to,
        channel_policy=operators.channels.policy,
        sparsity=file.sparsity.pattern,
        sparse_operators=file.sparsity.applies_to,
        measurement=measurement.use,
        protocol=measurement.protocol,
        estimators=told.plugs,
        provenance=dict(origins),
    )


def _memory(store: Store | None) -> Memory | None:
    return Memory(**store.model_dump()) if store else None


def _runtime(runs: Runs) -> Runtime:
    export = runs.export or FORMATS.get(runs.name, "onnx")
    return Runtime(
        name=here(runs.name, export),
        of="" if own(runs.name) else runs.name,
        version=runs.version,
        export=export,
        threads=runs.threads,
        flash_code=runs.overheads.flash_code,
        ram_runtime=runs.overheads.ram_runtime,
    )


def _ordered(bits: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(bits)))
