"""Tools that cannot live in one environment with us: each gets its own, made on demand, and is asked by files and JSON.

`autocompress runtimes install NAME` makes one. Only pip is used, as its user has set it up.
"""

import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from autocompress.errors import Failure
from autocompress.measure import worker

STAMP = "made.json"  # written last: an environment without it is half made
PATIENCE = 600.0  # seconds for one question
LONGEST = 3600.0  # seconds to make an environment
SAID = 5  # lines of what a tool said last that go into a failure
ALONE = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


class Environment(NamedTuple):
    """What has to be in it, to the version: what was seen to work together."""

    wants: tuple[str, ...]
    why: str  # not beside us
    gigabytes: float


ENVIRONMENTS = {
    "litert": Environment(
        (
            "litert-torch==0.10.0",
            "torch==2.14.1",
            "torchao==0.18.0",
            "ai-edge-litert==2.3.0",
            "ai-edge-quantizer==0.10.0",
            "litert-converter==0.5.0",
            "jax==0.10.2",
            "numpy==2.4.6",
        ),
        "litert-torch 0.10.0 wants torch below 2.15 and typing-extensions below 4.13",
        7.0,
    ),
    "vela": Environment(
        ("ethos-u-vela==5.2.0", "numpy==2.4.6"), "a compiler of its own, whose estimates change with its version", 0.2
    ),
}


def folder() -> Path:
    """Beside the studies, where `study/home.py` says; this wing cannot ask it."""
    chosen, shared = os.environ.get("AUTOCOMPRESS_HOME"), os.environ.get("XDG_DATA_HOME")
    home = Path(chosen).expanduser() if chosen else (Path(shared) if shared else Path.home() / ".local/share")
    return (home if chosen else home / "autocompress") / "environments"


def missing(name: str) -> str:
    """Why this environment cannot be used, and the command that would help; empty if it can."""
    place, command = folder() / name, f"autocompress runtimes install {name}"
    if not place.exists():
        return f"the environment of {name} is not installed: {command}"
    try:
        stamp = json.loads((place / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"the environment of {name} is half made: {command}"
    if stamp != _stamp(name) or not _python(place).exists():
        return f"the environment of {name} is of another version: {command}"
    return ""


def broken(name: str) -> bool:
    """It is there, but of no use."""
    return (folder() / name).exists() and bool(missing(name))


def install(name: str, say: Callable[[str], None] = lambda text: None) -> Path:
    """Where the environment is, once it is there. What cannot be made is a Failure, and is made anew the next time."""
    if name not in ENVIRONMENTS:
        raise ValueError(f"no environment is called {name!r}; there are {', '.join(ENVIRONMENTS)}")
    place = folder() / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        if not missing(name):
            say(f"{name} is in {place} already")
            return place
        shutil.rmtree(place, ignore_errors=True)
        room = shutil.disk_usage(place.parent).free / 1e9
        if room < ENVIRONMENTS[name].gigabytes:
            text = f"{name} takes {ENVIRONMENTS[name].gigabytes:g} GB, and {place.parent} has {room:.1f} GB free"
            raise Failure("unsupported", text)
        say(f"making {place}: about {ENVIRONMENTS[name].gigabytes:g} GB")
        _run([sys.executable, "-I", "-m", "venv", str(place)], name)
        _run([str(_python(place)), "-I", "-m", "pip", "install", "-q", "--no-input", *ENVIRONMENTS[name].wants], name)
        draft = place / f"{STAMP}.part"
        draft.write_text(json.dumps(_stamp(name)), encoding="utf-8")
        draft.replace(place / STAMP)
    return place


def ask(name: str, question: Mapping[str, Any], *, patience: float = PATIENCE) -> dict[str, Any]:
    """What the tool in an environment answers. It ends with us, or when its time is over, and all it started too."""
    if lack := missing(name):
        raise Failure("export", lack)
    with tempfile.TemporaryDirectory(prefix="autocompress-") as place:
        out, err = Path(place) / "answer", Path(place) / "said"
        code = _asked(_python(folder() / name), question, out, err, patience)
        said = err.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-SAID:]
        if code is None:
            raise Failure("timeout", f"{name} gave no answer in {patience:g} s; it said: {' / '.join(said)}")
        if code != 0:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else "failed"
            raise Failure("export", f"{name} {how}; it said: {' / '.join(said)}")
        answer: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return answer


def _asked(python: Path, question: Mapping[str, Any], out: Path, err: Path, patience: float) -> int | None:
    """Its exit code; none if it took too long."""
    with out.open("wb") as answer, err.open("wb") as said:
        process = subprocess.Popen(
            [str(python), "-I", str(Path(worker.__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=answer,
            stderr=said,
            cwd=out.parent,
            env={**os.environ, **ALONE},
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.flush()  # but not closed: it is how the other side sees that we are there
        return process.wait(patience)
    except BrokenPipeError:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _kill(process.pid)
        process.wait()
        process.stdin.close()


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # all of it is gone
        os.killpg(group, signal.SIGKILL)


def _run(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Failure("timeout", f"the environment of {name} was not made in {LONGEST:g} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-SAID:]
        raise Failure("unsupported", f"the environment of {name} cannot be made: {' / '.join(said)}")


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _stamp(name: str) -> dict[str, Any]:
    """What an environment was made from and by."""
    return {"wants": list(ENVIRONMENTS[name].wants), "python": platform.python_version(), "base": sys.base_prefix}
