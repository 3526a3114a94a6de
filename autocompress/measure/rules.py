"""Which operations of a file a device cannot run, or not as it wants them."""

from collections.abc import Mapping
from typing import NamedTuple

from autocompress.measure.graph import CONVOLUTIONS, Graph, Operation
from autocompress.values.device import Device, Rule

# Kind of a graph -> what device files may say for it beside its own name.
ALSO = {"pointwise": ("conv2d",), "reshape": ("flatten",)}
FREE = ("batch_norm", "reshape")  # folded into its neighbour, or nothing but another view
FLOAT = 16  # bits from which on numbers are no integers


class Broken(NamedTuple):
    """An operation and why it does not do."""

    operation: str
    why: str
    fatal: bool = True  # otherwise it runs, elsewhere or more slowly


def broken(graph: Graph, device: Device) -> list[Broken]:
    """Of each rule, in the order in which they run. A few layers may stay in 32 bits where that is allowed, not all."""
    fallback = device.float_fallback and not all(_too_wide(o, device) for o in graph.operations if o.macs)
    widths = sorted({o.bits for o in graph.operations if o.macs and not _too_wide(o, device)})
    wide = [o for o in graph.operations if o.macs and _too_wide(o, device)]
    allowed = ", ".join(str(bits) for bits in device.bits if bits < FLOAT or bits in device.activation_bits)
    found = [Broken(_named(o), f"computes in {o.bits} bits; it wants {allowed}", not fallback) for o in wide]
    if len(widths) > 1 and not device.mixed:
        found.append(Broken("the model", f"computes in {' and '.join(map(str, widths))} bits; it wants one for all"))
    return found + [Broken(_named(o), why, fatal) for o in graph.operations for why, fatal in _against(o, device)]


def uneven(layers: Mapping[str, tuple[float, float]], device: Device) -> str:
    """Why layers whose weights need so many bits do not do where all must have the same; fewer are widened to some."""
    widths = sorted({min((b for b in device.bits if b >= bits), default=int(bits)) for bits, _ in layers.values()})
    if device.mixed or len(widths) < 2:
        return ""
    return f"weights of {' and '.join(map(str, widths))} bits; it wants one for all"


def _too_wide(operation: Operation, device: Device) -> bool:
    return operation.bits >= FLOAT and operation.bits not in {*device.bits} & {*device.activation_bits}


def _against(operation: Operation, device: Device) -> list[tuple[str, bool]]:
    names = (operation.kind, *ALSO.get(operation.kind, ()))
    rules = device.operators
    fatal, aside = rules.unsupported == "error", "; the processor does it" if rules.unsupported == "cpu" else ""
    found: list[tuple[str, bool]] = []
    if any(name in rules.deny for name in names):
        found.append((f"{operation.kind} is denied{aside}", fatal))
    elif rules.allow is not None and operation.kind not in FREE and not any(name in rules.allow for name in names):
        found.append((f"{operation.kind} is not among what it runs{aside}", fatal))
    for rule in (rules.limits[name] for name in names if name in rules.limits):
        found += [(text, fatal) for text in _beyond(operation, rule)]
    odd = device.off_grid(operation.channels) if operation.kind in CONVOLUTIONS else []
    if odd:
        must = device.channel_policy == "require"
        why = f"{' and '.join(map(str, odd))} channels are no multiple of {device.round_to}"
        found.append((why if must else f"{why}, which it would rather have", must))
    return found


def _beyond(operation: Operation, rule: Rule) -> list[str]:
    found = []
    if rule.kernel_max and max(operation.kernel) > rule.kernel_max:
        found.append(f"a kernel of {operation.kernel[0]} x {operation.kernel[1]}; at most {rule.kernel_max}")
    if rule.stride_max and max(operation.stride) > rule.stride_max:
        found.append(f"a stride of {max(operation.stride)}; at most {rule.stride_max}")
    if rule.channels_max and max(operation.channels) > rule.channels_max:
        found.append(f"{max(operation.channels)} channels; at most {rule.channels_max}")
    depthwise = operation.groups > 1 and operation.groups == operation.channels[0]
    if rule.groups and operation.groups not in rule.groups and not (depthwise and "depthwise" in rule.groups):
        found.append(f"{operation.groups} groups; allowed are {', '.join(map(str, rule.groups))}")
    return found


def _named(operation: Operation) -> str:
    shape = "x".join(map(str, operation.shape_out[1:]))
    return f"{operation.name} ({operation.kind} -> {shape})"
