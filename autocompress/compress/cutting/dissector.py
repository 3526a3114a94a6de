"""The anatomy of a model: known already, or found by a process of its own, which has limits and may die of them."""

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from multiprocessing.connection import Connection, Pipe
from queue import Empty, SimpleQueue
from typing import Any

from autocompress.compress.cutting.anatomy import Anatomy
from autocompress.compress.cutting.dissect import CANNOT, dissect
from autocompress.compress.cutting.hidden import attends, hidden
from autocompress.compress.layers import reshape
from autocompress.compress.model import Model
from autocompress.compress.students.base import Student
from autocompress.errors import Failure
from autocompress.plugin import make
from autocompress.values.recipe import canonical, digest

SECONDS = 60.0  # to follow one network
ROOM = 8 * 2**30  # bytes of memory it may take beyond what torch takes by being there
IDLE = 30.0  # seconds until a process that nobody asks goes home: it holds 300 MB
KNOWN = 64  # anatomies that are remembered
ALONE = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


class Dissector:
    """Starts its process when it is first needed, kills it when it overruns, and starts another. Safe among threads."""

    def __init__(self, seconds: float = SECONDS, room: int = ROOM, idle: float = IDLE) -> None:
        self._seconds, self._room, self._idle = seconds, room, idle
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection[bytes, bytes] | None = None
        self._known: OrderedDict[str, Anatomy | str] = OrderedDict()
        self._lock = threading.RLock()

    def anatomy(self, model: Model) -> Anatomy:
        """What can be cut from it. If the network cannot be followed, or not in time, that is a Failure."""
        never = make(Student, model.student).uncut
        if never:
            raise Failure("unsupported", never)
        if attends(model.net):
            return hidden(model.net)
        with self._lock:
            key = _key(model)
            if key not in self._known:
                self._remember(key, self._ask(model))
            self._known.move_to_end(key)
            found = self._known[key]
        if isinstance(found, str):
            raise Failure("unsupported", found)
        return found

    def remember(self, model: Model, anatomy: Anatomy) -> None:
        """Of a model that was just cut it is known, without asking anybody."""
        with self._lock:
            self._remember(_key(model), anatomy)

    def close(self) -> None:
        with self._lock:
            if self._process is not None and self._pipe is not None:
                self._process.kill()
                self._process.wait()
                self._pipe.close()
            self._process = self._pipe = None

    def _remember(self, key: str, found: Anatomy | str) -> None:
        self._known[key] = found
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)

    def _ask(self, model: Model) -> Anatomy | str:
        """Or why there is none."""
        pipe, process = self._running()
        try:
            pipe.send_bytes(json.dumps(_request(model)).encode())
            answer = pipe.recv_bytes() if pipe.poll(self._seconds) else b""
        except (EOFError, OSError):
            process.wait()
            self.close()
            if process.returncode == 0:  # it went home just now
                return self._ask(model)
            return f"{CANNOT}: the process that tried {_death(process.returncode)}"
        if not answer:
            self.close()
            return f"{CANNOT} within {self._seconds:g} s"
        text = answer.decode()
        return text.removeprefix("no ") if text.startswith("no ") else Anatomy.read(text)

    def _running(self) -> "tuple[Connection[bytes, bytes], subprocess.Popen[bytes]]":
        if self._process is None or self._pipe is None or self._process.poll() is not None:
            self.close()
            ours, theirs = Pipe()
            program = f"from {__name__} import live; live({theirs.fileno()}, {self._room}, {self._idle})"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", program],
                env={**os.environ, **ALONE, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
            theirs.close()
            self._pipe = ours
        return self._pipe, self._process


SHARED = Dissector()  # by everybody in this process
atexit.register(SHARED.close)


def live(file: int, room: int, idle: float) -> None:
    """The life of the process that finds out: answer one question after another, and end with whoever asks them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who ask
    pipe: Connection[bytes, bytes] = Connection(file)
    questions: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, questions), daemon=True).start()
    _limit(room)
    while True:
        try:
            question = questions.get(timeout=idle)
        except Empty:
            return
        pipe.send_bytes(_answer(json.loads(question)).encode())


def _listen(pipe: "Connection[bytes, bytes]", questions: SimpleQueue[bytes]) -> None:
    while True:
        try:
            questions.put(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)


def _limit(room: int) -> None:
    """Beyond this, memory is refused: to us, not to everybody else on the machine."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return  # not a Linux; there is the limit of time
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = taken + room
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _answer(question: dict[str, Any]) -> str:
    try:
        model = Model.fresh(question["student"], tuple(question["inputs"]), question["classes"], seed=0)
        reshape(model.net, question["shapes"])
        return dissect(model.net, model.inputs, model.parts.head).written()
    except Failure as failure:
        return f"no {failure}"
    except Exception as error:  # whatever a stranger's network, or torch-pruning, comes up with
        reason = str(error).strip().partition("\n")[0]
        if isinstance(error, MemoryError) or "allocate memory" in reason:
            return f"no {CANNOT}: that takes more memory than there is for it"
        return f"no {CANNOT}: {type(error).__name__}: {reason}"


def _request(model: Model) -> dict[str, Any]:
    shapes = {name: list(tensor.shape) for name, tensor in model.net.state_dict().items()}
    return {"student": model.student, "inputs": model.inputs, "classes": model.classes, "shapes": shapes}


def _key(model: Model) -> str:
    return digest("anatomy", canonical(json.loads(json.dumps(_request(model)))))


def _death(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
