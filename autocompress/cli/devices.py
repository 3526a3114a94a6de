"""`devices`: which there are, what one is and how that is known, and whether a model fits it."""

import shutil
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autocompress.cli.fitting import Name, explain
from autocompress.cli.launch import Json
from autocompress.cli.out import CONFIGURATION, data, document, people

if TYPE_CHECKING:
    from autocompress.values.device import Device, Memory

devices = typer.Typer(help="Constraint files: where a model must fit.", no_args_is_help=True, rich_markup_mode=None)

TITLE = "RAM and flash: what is left of them after `reserved`"
HEADS = ("", "clock", "RAM", "flash", "runtime", "latency")
NARROW = 12  # columns of a runtime's name where there is little room
GROUPS = {
    "": "any machine",
    "microcontroller": "microcontrollers",
    "wearable": "wearables",
    "single-board": "single-board computers",
    "phone": "phones",
    "server": "servers",
}


@devices.command("list")
def list_devices(json: Json = False) -> None:
    """The devices that come with autocompress, by sort: memory left after `reserved`, runtime, what latency is."""
    from autocompress.config.load import load_device
    from autocompress.config.shipped import groups

    known = groups("device")
    order = [*(group for group in GROUPS if group in known), *(group for group in known if group not in GROUPS)]
    found = {group: [load_device(name) for name in known[group]] for group in order}
    if json:
        listed = [{"group": group, **d.model_dump(mode="json")} for group, some in found.items() for d in some]
        document("devices", {"devices": listed})
        return
    rows = {group: [_row(d) for d in some] for group, some in found.items()}
    lines = [HEADS, *(row for some in rows.values() for row in some)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    room = shutil.get_terminal_size((120, 24)).columns
    widths[4] = min(widths[4], NARROW) if room < 100 else widths[4]
    left = room - sum(widths) - 2 * len(HEADS)
    data(TITLE)
    data(_line(HEADS, widths))
    for group, some in found.items():
        data(f"{GROUPS.get(group, group)}:")
        for d, row in zip(some, rows[group], strict=True):
            data(_line((*row, _cut(d.name, left) if left >= 24 else ""), widths))


def _row(d: "Device") -> tuple[str, ...]:
    clock = _hertz(d.clock_hz) if d.clock_hz else "–"
    runtimes = ", ".join(r.version if r.of == "custom" and r.version else r.of or r.name for r in d.runtimes)
    return (d.id, clock, _bytes(d.ram), _bytes(d.flash), runtimes, _latency(d))


def _latency(d: "Device") -> str:
    """How it is obtained."""
    if d.measurement == "local":
        return "measured"
    if "latency" not in d.estimators:
        return "–"
    known = d.origin("measurement.estimators.latency")
    how = "est." if known.how == "estimated" else "assumed"
    return f"{how} ± {known.error * 100:.0f} %" if known.error is not None else how


def _line(cells: Iterable[str], widths: list[int]) -> str:
    first, clock, ram, flash, runtime, *rest = cells
    cells = [first.ljust(widths[0]), clock.rjust(widths[1]), ram.rjust(widths[2]), flash.rjust(widths[3])]
    cells += [_cut(runtime, widths[4]).ljust(widths[4]), rest[0].ljust(widths[5]), *rest[1:]]
    return "  ".join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _hertz(value: float) -> str:
    return f"{value / 1e9:g} GHz" if value >= 1e9 else f"{value / 1e6:g} MHz"


def _bytes(memory: "Memory | None") -> str:
    from autocompress.values.metric import show

    return show("size", memory.usable).replace(".00 ", " ").replace(".0 ", " ") if memory else "–"


@devices.command("show")
def show_device(name: Name, json: Json = False) -> None:
    """One device as it is after everything it extends, and where each of its numbers comes from."""
    from autocompress.config.load import load_device

    device, today = load_device(name), date.today()
    if json:
        document("device", {"device": device.model_dump(mode="json")})
        return
    sources: list[str] = []
    data(f"{device.id}: {device.name}")
    for label, text, path in _facts(device):
        data(f"  {label.ljust(11)} {text}{_marked(device, path, sources, today)}")
    for number, source in enumerate(sources, 1):
        data(f"  [{number}] {source}")


def _marked(device: "Device", path: str, sources: list[str], today: date) -> str:
    """`  (vendor [2], to be believed until 2026-06-30)`: how a number is known; what nobody vouches for is assumed."""
    if not path:
        return ""
    known = device.origin(path)
    where = ", ".join(filter(None, (known.by, known.source, known.date)))
    old = f", to be believed until {known.until}" if known.is_past(today) else ""
    if not where:
        return f"  ({known.how}{old})"
    if where not in sources:
        sources.append(where)
    return f"  ({known.how} [{sources.index(where) + 1}]{old})"


def _facts(d: "Device") -> Iterable[tuple[str, str, str]]:
    """Label, text, and the path in the file that it comes from, if that is a number of its own."""
    from autocompress.values.metric import show

    p, o = d.protocol, d.operators
    yield "kind", "; ".join(filter(None, (f"{d.kind}{f', {d.vendor}' if d.vendor else ''}", ", ".join(d.tags)))), ""
    if d.notes:
        yield "notes", " ".join(d.notes.split()), ""
    where = f" on {d.machine}" if d.machine else ""
    isa = f" ({', '.join(d.isa)})" if d.isa else ""
    yield "core", f"{d.soc + ': ' if d.soc else ''}{d.core}{isa}{f' x {d.cores}' if d.cores > 1 else ''}{where}", ""
    if d.clock_hz:
        yield "clock", _hertz(d.clock_hz), "hardware.clock"
    if d.volts or d.regulator:
        yield "supply", " ".join(filter(None, (f"{d.volts:g} V" if d.volts else "", d.regulator))), ""
    for label, memory in (("RAM", d.ram), ("flash", d.flash)):
        if memory:
            kept = f", of which {show('size', memory.reserved)} are taken" if memory.reserved else ""
            fast = f", {show('size', memory.fast)} of it fast" if memory.fast else ""
            yield label, f"{show('size', memory.total)}{kept}{fast}", f"memory.{label.lower()}.total"
    for r in d.runtimes:
        here = f"; here {r.name} runs its {r.export} files" if r.of else ""
        yield "runtime", f"{r.title}, {r.threads} thread{'s' if r.threads > 1 else ''}{here}", ""
        if r.flash_code:
            yield "  code", show("size", r.flash_code), "runtime.overheads.flash_code"
        if r.ram_runtime:
            yield "  RAM", show("size", r.ram_runtime), "runtime.overheads.ram_runtime"
    more = ", mixed" if d.mixed else ""
    weights, activations = (", ".join(map(str, bits)) for bits in (d.bits, d.activation_bits))
    yield "bits", f"weights {weights}; activations {activations}{more}", ""
    yield (
        "operators",
        f"{'any' if o.allow is None else ', '.join(o.allow)}{f'; never {chr(44).join(o.deny)}' if o.deny else ''}",
        "",
    )
    yield "channels", f"{d.channel_policy} multiples of {d.round_to}", ""
    if d.sparsity != "none":
        yield "zeros", f"skipped if {d.sparsity} in {', '.join(d.sparse_operators) or 'all'}", ""
    if d.measurement == "local":
        yield "measured", f"on this machine: {p.processes} processes x {p.runs} runs, batch {p.batch}", ""
    for metric, plug in d.estimators.items():
        error = d.origin(f"measurement.estimators.{metric}").error
        within = f", within {error * 100:g} % in nine of ten cases" if error is not None else ""
        yield metric, f"by {plug['use']}{within}", f"measurement.estimators.{metric}"
    for i, limit in enumerate(d.limits):
        yield "" if i else "limits", f"{limit}{'' if limit.hard else f' (soft, weight {limit.weight:g})'}", ""
    for i, aim in enumerate(d.objectives):
        yield "" if i else "objectives", f"{aim.metric} ({aim.direction})", ""


@devices.command("check")
def check_device(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Device files, or shipped devices.")],
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text, json or github.")] = "text",
) -> None:
    """Every mistake in device files, with its place and what would be right. Warnings alone are no failure."""
    from autocompress.config.diagnostic import FORMATS, ConfigError, Diagnostic, errors, render
    from autocompress.config.load import load_device

    known = next((f for f in FORMATS if f == form), None)
    if known is None:
        raise typer.BadParameter(f"{form!r} is not one of {', '.join(FORMATS)}", param_hint="--format")
    found: list[Diagnostic] = []
    for file in files:
        try:
            device = load_device(file, remarks=found, today=date.today())
        except ConfigError as error:
            found.extend(error.diagnostics)
        else:
            if form == "text":
                people().print(f"{file}: ok ({device.id})", markup=False, highlight=False, soft_wrap=True)
    if found or form == "json":
        data(render(sorted(set(found)), known, tty=sys.stdout.isatty()))
    if errors(found):
        sys.exit(CONFIGURATION)


@devices.command("diff")
def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="A shipped device, or a file.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    json: Json = False,
) -> None:
    """Field by field, what differs between two devices."""
    from autocompress.config.load import load_device

    a, b = _flat(load_device(one)), _flat(load_device(other))
    changes = {key: (a.get(key), b.get(key)) for key in (*a, *(k for k in b if k not in a)) if a.get(key) != b.get(key)}
    if json:
        document("device-diff", {"changes": [{"field": k, "a": x, "b": y} for k, (x, y) in changes.items()]})
        return
    width = max(map(len, changes), default=0)
    for key, (x, y) in changes.items():
        data(f"{key.ljust(width)}  {_said(x)} -> {_said(y)}")
    if not changes:
        people().print("no difference", highlight=False)


def _said(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def _flat(device: "Device") -> dict[str, Any]:
    """Dotted field -> value; limits and objectives by metric, provenance left out."""
    tree = device.model_dump(mode="json", exclude={"provenance", "limits", "objectives", "runtimes"})
    (tree["flash"] or {}).pop("io_in_arena", None)  # speaks of RAM
    tree["runtime"] = {r.name if len(device.runtimes) > 1 else "": r.model_dump(mode="json") for r in device.runtimes}
    tree["limits"] = {x.metric: f"{x}{'' if x.hard else ' (soft)'}" for x in device.limits}
    tree["objectives"] = [o.metric for o in device.objectives]
    return {key: value for key, value in _leaves(tree, "") if value not in (None, "", [], {})}


def _leaves(tree: dict[str, Any], at: str) -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        path = ".".join(filter(None, (at, key)))
        if isinstance(value, dict):
            yield from _leaves(value, path)
        else:
            yield path, value


devices.command("explain")(explain)


@devices.command("probe")
def probe(
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write it here; else to stdout.")
    ] = None,
    name: Annotated[str, typer.Option("--id", help="What the device is called.")] = "my-machine",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """A device file for this machine: cores, memory, instructions, runtimes, how fast a small network is in each."""
    from autocompress.config.load import load_device
    from autocompress.study.machine import facts, timed, written

    if out is not None and out.exists() and not force:
        people().print(f"{out} is there already; --force overwrites", highlight=False, soft_wrap=True)
        sys.exit(CONFIGURATION)
    known = facts()
    with people().status(f"timing a small network in {', '.join(known.runtimes)}"):
        times = timed(known)
    text = written(known, times, name, date.today().isoformat())
    load_device(out or Path("probe.yaml"), source=text)  # what we write ourselves, we can read
    if out is None:
        data(text)
        return
    out.write_text(text, encoding="utf-8")
    data(str(out))
    people().print(f"next: autocompress devices show {out}", highlight=False, soft_wrap=True)
