"""What on this machine would get in a study's way, before one is run."""

import os
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from autocompress.measure import workers
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import find, kinds, listing, names
from autocompress.study.drivers._share import cores
from autocompress.study.environment import environment
from autocompress.study.home import SHARED, filesystem, home, study_names

ROOM = 2 * 2**30  # bytes that a study's files and cache may well need


class Finding(NamedTuple):
    what: str
    ok: bool
    text: str
    absent: bool = False  # which is no fault: not every study wants it

    @property
    def mark(self) -> str:
        return "BAD" if not self.ok else "none" if self.absent else "ok"


def examined() -> list[Finding]:
    """Everything that can be found out in a second or two."""
    facts = environment()
    found = [
        Finding(name, facts[name] != "not installed", facts[name]) for name in sorted(facts) if name not in SKIPPED
    ]
    found.append(Finding("cores", True, f"{cores()} of {facts['cores']} may be used: {facts['processor']}"))
    found += [_home(), _plugins(), _runtime()]
    return found + [_of(one) for one in runtimes_here()]


class Here(NamedTuple):
    """A runtime, or a compiler in an environment of its own, as it is on this machine."""

    name: str
    version: str
    missing: str  # and the command that brings it; empty if all is there
    broken: bool = False  # it was begun, or is of another version: not merely absent


def runtimes_here() -> list[Here]:
    """Nothing heavy is imported. What is absent is no fault: a study says what it needs."""
    found = []
    for name in names(Runtime):
        plugin = find(Runtime, name)()
        version = "" if plugin.missing else plugin.version
        found.append(Here(name, version, plugin.missing, name in workers.ENVIRONMENTS and workers.broken(name)))
    for name in sorted(workers.ENVIRONMENTS.keys() - names(Runtime).keys()):
        lack = workers.missing(name)
        found.append(Here(name, "" if lack else workers.ENVIRONMENTS[name].wants[0], lack, workers.broken(name)))
    return found


def _of(one: Here) -> Finding:
    return Finding(f"runtime {one.name}", not one.broken, one.missing or one.version, absent=bool(one.missing))


SKIPPED = {"cores", "processor", "system", "machine"}


def _home() -> Finding:
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding("home", False, f"{folder} cannot be written ({error.strerror}); set AUTOCOMPRESS_HOME")
    kind = filesystem(folder)
    if kind in SHARED:
        return Finding("home", False, f"{folder} is on a network file system ({kind}); set AUTOCOMPRESS_HOME")
    left = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize if hasattr(os, "statvfs") else ROOM
    text = f"{folder}, {left / 2**30:.1f} GiB free, {len(study_names())} studies"
    return Finding("home", left >= ROOM, text)


def _plugins() -> Finding:
    broken = [one for one in listing() if one.error]
    strangers = sum(len(entry_points(group=f"autocompress.{plural}")) for plural in kinds())
    if broken:
        return Finding("plug-ins", False, "; ".join(f"{b.kind}/{b.name} of {b.origin}: {b.error}" for b in broken))
    return Finding("plug-ins", True, f"{len(listing())}, of which {strangers} from other packages")


def _runtime() -> Finding:
    """Can the default runtime open a session at all? A wheel for another processor cannot."""
    try:
        import onnxruntime

        providers = onnxruntime.get_available_providers()
    except Exception as error:  # whatever a broken wheel raises
        return Finding("runtime", False, f"onnxruntime does not load: {error}")
    shadow = [name for name in ("onnx", "onnxruntime", "torch") if Path(name).is_dir()]
    if shadow:
        return Finding("runtime", False, f"a folder called {shadow[0]!r} here hides the package of that name")
    return Finding("runtime", "CPUExecutionProvider" in providers, f"onnxruntime with {', '.join(providers)}")
