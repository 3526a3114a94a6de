"""This machine as a device file: what it is, what it can run, and how fast a small network is on it."""

import platform
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from autocompress.config.cores import MACHINES
from autocompress.errors import Failure
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make, names
from autocompress.study.drivers._share import cores
from autocompress.study.environment import environment
from autocompress.values.device import Protocol
from autocompress.values.metric import show

# What /proc/cpuinfo calls instructions -> what device files call them.
FLAGS = {
    **{"sse4_2": "sse4", "avx2": "avx2", "avx512f": "avx512", "avx512_vnni": "avx512-vnni", "avx_vnni": "avx-vnni"},
    **{"avx512_bf16": "avx512-bf16", "amx_tile": "amx"},
    **{"asimd": "neon", "asimddp": "dotprod", "asimdhp": "fp16", "i8mm": "i8mm", "bf16": "bf16", "sve": "sve"},
    "sve2": "sve2",
}
# What an Arm core says it is (implementer 0x41) -> core.
PARTS = {
    **{"0xd03": "cortex-a53", "0xd05": "cortex-a55", "0xd07": "cortex-a57", "0xd08": "cortex-a72"},
    **{"0xd09": "cortex-a73", "0xd0a": "cortex-a75", "0xd0b": "cortex-a76", "0xd0d": "cortex-a77"},
    **{"0xd41": "cortex-a78", "0xd42": "cortex-a78ae", "0xd0c": "neoverse-n1", "0xd49": "neoverse-n2"},
    **{"0xd40": "neoverse-v1", "0xd4f": "neoverse-v2"},
}
WIDE = ("avx512", "sve", "sve2")  # 16 channels at a time
REFERENCE = {"use": "resnet", "depth": 8, "width": 16}  # the shape of MLPerf Tiny's network for CIFAR-10
INPUTS = (3, 32, 32)
QUICK = Protocol(processes=3)
NOT_SHIPPED = ("torch",)  # it only simulates integers


class Facts(NamedTuple):
    processor: str
    core: str
    isa: tuple[str, ...]
    cores: int
    clock_hz: float | None
    ram: int | None
    runtimes: dict[str, str]  # name -> version, of those that work here


def facts() -> Facts:
    """Read from the system; nothing is run."""
    cpu = _read(Path("/proc/cpuinfo"))
    flags = set(" ".join(re.findall(r"^(?:flags|Features)\s*:(.*)$", cpu, re.MULTILINE)[:1]).split())
    plugs = {name: make(Runtime, {"use": name}) for name in names(Runtime) if name not in NOT_SHIPPED}
    return Facts(
        processor=environment()["processor"],
        core=_core(cpu),
        isa=tuple(word for flag, word in FLAGS.items() if flag in flags),
        cores=cores(),
        clock_hz=_clock(cpu),
        ram=_ram(),
        runtimes={name: plug.version for name, plug in plugs.items() if not plug.missing},
    )


def reference(runtime: str) -> float:
    """Seconds that a small network takes, median, one thread. Random weights: times do not depend on them."""
    import torch

    from autocompress.compress.students.base import Student
    from autocompress.measure.latency import race

    torch.manual_seed(0)
    net = make(Student, REFERENCE).build(INPUTS, 10).eval()
    plug = make(Runtime, {"use": runtime})
    with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
        file = Path(folder) / f"reference{plug.suffix}"
        plug.lower(net, INPUTS, file)
        times = race((file,), {"use": runtime, "threads": 1}, INPUTS, QUICK).latency()
    return next(m.value for m in times if m.metric == "latency_p50")


def timed(known: Facts) -> dict[str, float]:
    """Runtime -> seconds for the reference, of those that could do it."""
    found = {}
    for name in known.runtimes:
        try:
            found[name] = reference(name)
        except Failure:
            continue
    return found


def written(known: Facts, times: dict[str, float], name: str, today: str) -> str:
    """The device file. Every number says that it was measured, or that somebody still has to say it."""
    fast = sorted(times, key=lambda one: times[one]) or ["onnxruntime"]
    isa = f"\n  isa: {{value: [{', '.join(known.isa)}], how: measured, source: probe}}" if known.isa else ""
    hz = f"\n  clock: {{value: {known.clock_hz / 1e9:.3g} GHz, how: measured, source: probe}}" if known.clock_hz else ""
    ram = (
        f"\nmemory:\n  ram: {{total: {{value: {known.ram // 2**20} MiB, how: measured, source: probe}}}}"
        "  # add reserved: what others need\n"
        if known.ram
        else ""
    )
    points = "".join(
        f"\n      - {{model: resnet8-3x32x32 in {one}, latency: {_time(times[one])}, threads: 1, bits: 32}}"
        for one in times
    )
    runtimes = "".join(f"\n  - {{name: {one}, version: {_version(known, one)}, threads: 1}}" for one in fast)
    best = times.get(fast[0], 1e-3)
    return f"""\
# {known.processor}: this machine, as `autocompress devices probe` found it on {today}.
#
# What   Every number of a study is measured on the machine that runs it: run it here.
# Limits Made from what a ResNet-8 for images of 32 x 32 takes here: say yours.
schema: autocompress.device/v1
id: {name}
name: {_quoted(known.processor)}
kind: cpu

hardware:
  core: {{value: {known.core}, how: measured, source: probe}}{isa}
  cores: {{value: {known.cores}, how: measured, source: probe}}{hz}
{ram}
runtime:                           # of each model, the one in which it is fastest{runtimes}

precision: {{weights: {{bits: [8, 32]}}}}
operators: {{channels: {{round_to: {16 if set(WIDE) & set(known.isa) else 8}}}}}

measurement:
  use: local
  protocol: {{batch: 1, warmup: 5, runs: 20, processes: 5}}

limits:
  latency_p50: {_time(2 * best)}
  size: 1 MB
  accuracy: baseline - 2 pp

objectives: [accuracy, latency_p50, size]

evidence:
  probe:
    how: measured
    by: autocompress devices probe
    date: {today}
    source: {platform.platform()}
    points:{points or " []"}
"""


def _time(seconds: float) -> str:
    """As a device file writes it: `1.23 ms`."""
    return show("latency_p50", seconds).replace("µs", "us")


def _version(known: Facts, name: str) -> str:
    return _quoted(known.runtimes.get(name, "").rpartition(" ")[2])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "").replace('"', "") + '"'


def _core(cpu: str) -> str:
    part = re.search(r"^CPU part\s*:\s*(\S+)$", cpu, re.MULTILINE)
    if part and part[1] in PARTS and re.search(r"^CPU implementer\s*:\s*0x41$", cpu, re.MULTILINE):
        return PARTS[part[1]]
    general = {"x86_64": "x86-64", "arm64": "apple-silicon"}.get(platform.machine(), "any")
    assert general in MACHINES
    return general


def _clock(cpu: str) -> float | None:
    """The highest that the first core may reach; else what it runs at now."""
    highest = _read(Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")).strip()
    if highest.isdigit():
        return float(highest) * 1e3
    now = re.search(r"^cpu MHz\s*:\s*([\d.]+)$", cpu, re.MULTILINE)
    return float(now[1]) * 1e6 if now else None


def _ram() -> int | None:
    found = re.search(r"^MemTotal:\s*(\d+) kB$", _read(Path("/proc/meminfo")), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
