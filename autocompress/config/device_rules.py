"""What must hold between the parts of a device: enough memory for its limits, limits that can be kept together."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

from autocompress.config.cores import AWAY
from autocompress.config.device_file import DeviceFile, Ram, Store
from autocompress.config.diagnostic import Diagnostic
from autocompress.config.limits import NEEDS_ESTIMATOR, Promise
from autocompress.config.node import Node
from autocompress.config.runtimes import ours, own
from autocompress.config.units import Dimension, quantity
from autocompress.values.device import Device, estimated_as
from autocompress.values.metric import show

NOT_YET = {
    "agent": "agents on other machines are not available yet; use 'local' on the device itself, or 'estimate'",
    "replay": "replaying measurements is not available yet; use 'local' on the device itself, or 'estimate'",
}
LATENCIES = ("latency_p50", "latency_p95", "latency_p99")
# Metric -> the memory it must fit into.
MEMORY = {"peak_ram": "ram", "flash": "flash", "size": "flash"}


def alone(file: DeviceFile, node: Node, mistakes: list[Diagnostic]) -> None:
    """What shows in the file, without its limits."""
    for name, store in (("ram", file.memory.ram), ("flash", file.memory.flash)):
        if store:
            _stored(node.find(("memory", name)), store, mistakes)
    if not file.runtime:
        mistakes.append(node.find(("runtime",)).says("out-of-range", "wants at least one runtime, got none"))
    for i, one in enumerate(file.runtime):
        if one.threads > file.hardware.cores:
            text = f"{one.threads} threads on a device with {file.hardware.cores} core{'s' * (file.hardware.cores > 1)}"
            mistakes.append(node.find(("runtime", i, "threads")).says("out-of-range", text, "say hardware: {cores: N}"))
    operators = node.find(("operators",))
    both = sorted(set(file.operators.allow or ()) & set(file.operators.deny))
    if both:
        mistakes.append(operators.find(("deny",)).says("bad-value", f"{', '.join(both)}: allowed and denied at once"))
    elif file.operators.allow == ():
        mistakes.append(operators.find(("allow",)).says("empty-space", "no operator at all is allowed"))
    _answered(file, node, mistakes)


def _stored(node: Node, store: Store, mistakes: list[Diagnostic]) -> None:
    if store.reserved >= store.total:
        where = node.get("reserved") or node
        mistakes.append(where.says("out-of-range", "nothing is left: 'reserved' takes all of 'total'"))
    if isinstance(store, Ram) and store.fast is not None and store.fast > store.total:
        mistakes.append(node.find(("fast",)).says("out-of-range", "is part of 'total', and larger"))


def secrets(node: Node, mistakes: list[Diagnostic]) -> Node:
    """The device without what nobody should have written into it."""
    agent = node.find(("measurement", "agent"))
    token = agent.get("token")
    if token is None or agent.path[-1:] != ("agent",):
        return node
    hint = "put it into an environment variable and name that: token_env: AUTOCOMPRESS_AGENT_TOKEN"
    mistakes.append(token.key_says("secret", "a token has no place in a file", hint))
    measurement = node.fields["measurement"]
    without = replace(agent, value={k: v for k, v in agent.fields.items() if k != "token"})
    kept = replace(measurement, value={**measurement.fields, "agent": without})
    return replace(node, value={**node.fields, "measurement": kept})


def _answered(file: DeviceFile, node: Node, mistakes: list[Diagnostic]) -> None:
    """Can what is to be measured be measured that way?"""
    measurement, how = node.find(("measurement",)), file.measurement
    if how.use in NOT_YET:
        mistakes.append(measurement.find(("use",)).says("unsupported", NOT_YET[how.use]))
        if how.use == "agent" and how.agent is None:
            mistakes.append(measurement.key_says("missing-key", "the key 'agent' is missing"))
    if how.use != "local":
        return
    core = node.find(("hardware", "core"))
    if file.hardware.core in AWAY:
        text = f"'{file.hardware.core}' cannot run autocompress itself, so nothing is measured on it"
        mistakes.append(core.says("unsupported", text, "measurement: {use: estimate}, with estimators"))
    for i, one in enumerate(file.runtime):
        if own(one.name) is None:
            text = f"autocompress does not run '{one.name}', so nothing is measured with it"
            hint = f"one of {', '.join(ours())}; or measurement: {{use: estimate}}, with estimators"
            mistakes.append(node.find(("runtime", i, "name")).says("unsupported", text, hint))


def promised(
    device: Device, promises: Mapping[str, Promise], aims: Mapping[str, Node], mistakes: list[Diagnostic]
) -> None:
    """Limits and objectives against the device they are for, and against each other."""
    for metric, node in {**{m: p.node for m, p in promises.items() if p.limit}, **aims}.items():
        name = estimated_as(metric)
        needs = metric in NEEDS_ESTIMATOR or (device.measurement == "estimate" and name in ("latency", "peak_ram"))
        if needs and name not in device.estimators:
            text = f"nothing tells the {metric} of {device.id}: it has no estimator of {name}"
            hint = f"add one: measurement: {{estimators: {{{name}: {{use: ...}}}}}}"
            mistakes.append(node.key_says("unsupported", text, hint))
    for metric, store in MEMORY.items():
        limit, memory = promises[metric].limit if metric in promises else None, getattr(device, store)
        if limit and limit.bound is not None and memory and limit.bound > memory.usable:
            text = f"is more than there is: {show(metric, memory.usable)} of {store} can be used"
            mistakes.append(promises[metric].node.says("bad-limit", text))
    _together(device, promises, mistakes)


def _together(device: Device, promises: Mapping[str, Promise], mistakes: list[Diagnostic]) -> None:
    """Limits that were written together must make sense together; a study may be stricter than its device."""
    bounds = {m: p.limit.bound for m, p in promises.items() if p.limit and p.limit.bound is not None}
    for low, high in combinations(LATENCIES, 2):
        if low in bounds and high in bounds and bounds[high] < bounds[low] and _together_in(promises, low, high):
            text = f"is below {low}, {show(low, bounds[low])}, which then says nothing: {high} is the larger of the two"
            mistakes.append(promises[high].node.says("bad-limit", text))
    power = _setting(device, "energy", "power", "power")
    least = _setting(device, "latency", "fixed", "time")
    for latency in (m for m in LATENCIES if m in bounds):
        if least is not None and bounds[latency] <= least:
            text = f"no model is that fast: its estimator begins at {show(latency, least)}"
            mistakes.append(promises[latency].node.says("bad-limit", text))
        most = power * bounds[latency] if power is not None else math.inf
        if "energy" in bounds and bounds["energy"] > most and _together_in(promises, "energy", latency):
            text = (
                f"says nothing: {show('power', power or 0)} for the {show(latency, bounds[latency])} of {latency} "
                f"are {show('energy', most)}"
            )
            mistakes.append(promises["energy"].node.says("bad-limit", text))
    if power and least and bounds.get("energy", math.inf) <= power * least:
        text = f"no latency can meet this: {show('power', power)} for {show('latency_p50', least)} are more"
        mistakes.append(promises["energy"].node.says("bad-limit", text))


def _together_in(promises: Mapping[str, Promise], *metrics: str) -> bool:
    return len({promises[m].node.place.source.path for m in metrics}) == 1


def _setting(device: Device, metric: str, name: str, dimension: Dimension) -> float | None:
    """A quantity that an estimator was given, if it has such a setting."""
    written = device.estimators.get(metric, {}).get(name)
    return quantity(written, dimension) if isinstance(written, str) else None
