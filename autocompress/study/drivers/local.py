"""Worker processes on this machine: spawned, one pipe each, no ports. A worker that dies costs one trial."""

import contextlib
import math
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import Field

from autocompress.study.drivers._share import cores, told
from autocompress.study.drivers.base import Driver, Pool
from autocompress.values.job import Done, Event, Gated, Job, Outcome, Rung, Work

TAIL = 2000  # characters of a dead worker's log that go into its trial's message
QUIET = {"PYTHONWARNINGS": "ignore:resource_tracker"}  # it cleans up after killed workers, and says so at length
HOW_FOUND = ("__file__", "__spec__")
GRACE = 5.0  # seconds for an idle worker to end by itself
MOST_UNASKED = 8  # workers that nobody asked for
VISIBLE = "CUDA_VISIBLE_DEVICES"


class Local(Driver):
    """A process for each GPU or, without any, for each core; with its share of the threads, so that they do not fight.

    Whether several on one GPU pay depends on the networks: ask for more `workers` then, and the GPUs are dealt out.
    """

    workers: int | None = Field(None, ge=1, le=256)  # None: one per GPU; or per core, at most 8, for each takes 1 GB
    timeout: float | None = Field(None, gt=0)  # seconds a job may take before its worker is killed

    def start(self, work: Work) -> Pool:
        seen = gpus()
        many = self.workers or len(seen) or min(cores(), MOST_UNASKED)
        return LocalPool(work, many, self.timeout or math.inf, seen)


def gpus() -> tuple[str, ...]:
    """GPUs this process may use, as `CUDA_VISIBLE_DEVICES` calls them. Work for them has brought torch along."""
    torch = sys.modules.get("torch")
    many, named = torch.cuda.device_count() if torch else 0, os.environ.get(VISIBLE)
    return tuple(map(str, range(many))) if named is None else tuple(named.replace(" ", "").split(",")[:many])


@dataclass
class _Worker:
    process: BaseProcess
    pipe: "Connection[Any, Any]"
    log: Path
    gpu: str | None
    job: Job | None = None
    since: float = 0.0
    asked: bool = False


@dataclass
class LocalPool(Pool):
    work: Work
    workers: int
    timeout: float
    gpus: tuple[str, ...] = ()
    _team: list[_Worker] = field(default_factory=list)
    _ready: deque[Event] = field(default_factory=deque)
    _logs: TemporaryDirectory[str] = field(default_factory=lambda: TemporaryDirectory(prefix="autocompress-"))
    _hired: int = 0

    def room(self) -> int:
        return self.workers - sum(w.job is not None for w in self._team)

    def submit(self, job: Job) -> None:
        idle = next((w for w in self._team if w.job is None), None) or self._hire()
        idle.job, idle.since, idle.asked = job, time.monotonic(), False
        try:
            idle.pipe.send(job)
        except OSError:
            self._bury(idle, "its worker died before it began")

    def next(self, timeout: float) -> Event | None:
        if not self._ready:
            self._collect(timeout)
        return self._ready.popleft() if self._ready else None

    def answer(self, number: int, go_on: bool) -> None:
        worker = next((w for w in self._team if w.job and w.job.number == number), None)
        if worker is None:
            return  # it died while we thought about it; its Done is on the way
        worker.asked = False
        with contextlib.suppress(OSError):
            worker.pipe.send(go_on)

    def clock(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        for worker in self._team:
            worker.pipe.close()  # whoever waits for a job goes home
        for worker in self._team:
            if worker.job is None:
                worker.process.join(GRACE)
            _kill(worker.process)
        self._team.clear()
        self._logs.cleanup()

    def _hire(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        self._hired += 1
        log = Path(self._logs.name) / f"worker-{self._hired}.log"
        process = context.Process(target=_live, args=(theirs, self.work, str(log)), daemon=False)
        gpu = min(self.gpus, key=[w.gpu for w in self._team].count, default=None)
        with _environment(self._told(), {} if gpu is None else {VISIBLE: gpu}), _main_hidden_from(self.work):
            process.start()
        theirs.close()
        worker = _Worker(process, ours, log, gpu)
        self._team.append(worker)
        return worker

    def _told(self) -> dict[str, str]:
        """What all workers find in their environment."""
        threads = max(1, cores() // self.workers)
        together = math.ceil(self.workers / max(1, len(self.gpus)))
        return told(threads, together) | QUIET

    def _collect(self, timeout: float) -> None:
        busy = [w for w in self._team if w.job is not None]
        if not busy:
            return
        for worker in busy:
            if time.monotonic() - worker.since > self.timeout:
                self._bury(worker, f"it took more than {self.timeout:g} s", timed_out=True)
                return
        if self.timeout < math.inf:
            timeout = min(timeout, 1.0)
        ready = connection.wait([w.pipe for w in busy], timeout)
        for worker in busy:
            if worker.pipe in ready:
                self._receive(worker)

    def _receive(self, worker: _Worker) -> None:
        try:
            event: Event = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker, None)
            return
        if isinstance(event, Done):
            worker.job = None
        worker.asked = isinstance(event, Gated | Rung)
        self._ready.append(event)

    def _bury(self, worker: _Worker, why: str | None, *, timed_out: bool = False) -> None:
        """A dead worker's trial has failed; its place is free for a new one."""
        _kill(worker.process)
        worker.pipe.close()
        self._team.remove(worker)
        assert worker.job is not None
        reason = why or _death(worker.process.exitcode)
        tail = _tail(worker.log)
        outcome = Outcome(
            "failed",
            seconds=time.monotonic() - worker.since,
            code="timeout" if timed_out else "worker_died",
            message=f"{reason}\n{tail}".strip(),
        )
        self._ready.append(Done(worker.job.number, outcome))


def _live(pipe: "Connection[Any, Any]", work: Work, log: str) -> None:
    """A worker's life: take a job, send its events, until the pipe closes or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who decides
    _die_with_parent()
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    while True:
        try:
            job: Job = pipe.recv()
        except EOFError:
            return
        events = work(job)
        event = next(events)
        while True:
            pipe.send(event)
            if isinstance(event, Done):
                break
            event = events.send(pipe.recv()) if isinstance(event, Gated | Rung) else next(events)


def _die_with_parent() -> None:
    """However the parent ends, nothing stays running."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _environment(values: dict[str, str], narrowed: dict[str, str]) -> Iterator[None]:
    """Spawned processes inherit it as it is while they start. What the user has set stays, or is narrowed."""
    before = dict(os.environ)
    os.environ.update({**values, **before, **narrowed})
    try:
        yield
    finally:
        for name in {*values, *narrowed} - {*before}:
            del os.environ[name]
        os.environ.update(before)


@contextlib.contextmanager
def _main_hidden_from(work: Work) -> Iterator[None]:
    """Spawning runs the user's script again in each worker. Only work that is defined in that script needs it."""
    main = sys.modules["__main__"]
    if b"__main__" in pickle.dumps(work):
        yield
        return
    kept: dict[str, object] = {name: vars(main).pop(name) for name in HOW_FOUND if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(kept)


def _kill(process: BaseProcess) -> None:
    if process.is_alive():
        process.kill()
    process.join()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory, or by hand)" if name == "SIGKILL" else ""
        return f"its worker was killed by {name}{hint}"
    return f"its worker ended with exit code {code}"


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-TAIL:].decode(errors="replace").strip()
    except OSError:
        return ""
