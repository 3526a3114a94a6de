"""A Ray to work on: our own on this machine, gone when we are; or one that the user named."""

import contextlib
import ctypes
import logging
import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autocompress.errors import StudyError
from autocompress.study.home import home

OWN = "local"
M_ARENA_MAX = -8  # in malloc.h
STORE = 100 * 2**20  # bytes for what travels: jobs and events are small
OF_RAY = {  # before it is imported
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody is told
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # it prints over the study's own lines
}
OF_TUNE = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no files for each trial
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # the study says it
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # nobody reads it
    "TUNE_MAX_PENDING_TRIALS_PG": "8",  # workers that start at once
}


@contextlib.contextmanager
def joined(address: str, cpus: int) -> Iterator[str]:
    """Yields a folder for what Tune writes. A Ray of our own is stopped at the end; one that was there is left."""
    os.environ.update(OF_RAY | OF_TUNE)
    _few_arenas()
    if address == OWN:
        _guard()
    try:
        import ray
    except ImportError:
        raise StudyError("the driver ray_tune needs Ray: pip install 'autocompress[ray]'") from None
    with tempfile.TemporaryDirectory(prefix="ac-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        theirs = ray.is_initialized()
        if not theirs:
            own = {"num_cpus": cpus, "object_store_memory": STORE, "include_dashboard": False, "_temp_dir": folder}
            _connect(address, own if address == OWN else {})
        try:
            yield str(Path(folder) / "tune")
        finally:
            if not theirs:
                ray.shutdown()


def _connect(address: str, settings: dict[str, Any]) -> None:
    """Ray takes over a signal that is not its own."""
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)  # what matters is told by the study
    at_term = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **settings)
    except Exception as error:  # of many kinds
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise StudyError(f"no Ray at {address!r}: {reason}") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, at_term)


def _few_arenas() -> None:
    """What Tune's and Ray's threads free, glibc keeps for each of many: 25 KB per trial that do not come back."""
    with contextlib.suppress(OSError, AttributeError):  # another system
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def _guard() -> None:
    """Ray listens on all interfaces, and heeds only who can read this file. A token of the user's own is kept."""
    if {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        return
    file = home() / "ray.token"
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_hex(32))
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(file)


def places(cpus: float, gpus: float) -> int:
    """How many trials fit on the nodes that are alive."""
    import ray

    found = 0
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        has = node["Resources"] if node["Alive"] else {}
        room = has.get("CPU", 0) / cpus
        if gpus:
            room = min(room, has.get("GPU", 0) / gpus)
        found += int(room + 1e-9)
    return found
