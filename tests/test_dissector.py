"""The process that finds out what hangs together: asked once, bounded in time and memory, gone when nobody needs it."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch
from hands import BIGGER, SMALL, fresh, lab, sizes

from autocompress.compress.cutting import dissector
from autocompress.compress.cutting.dissector import SHARED, Dissector
from autocompress.compress.cutting.surgery import cut
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.errors import Failure


@pytest.fixture(scope="module")
def one():
    found = Dissector(room=2**29)
    yield found
    found.close()


def trouble(kind: str):
    return fresh({"use": "python", "function": "patients:trouble", "kwargs": {"kind": kind}})


def asked(one: Dissector, model) -> str:
    """Why not."""
    with pytest.raises(Failure, match="pruning cannot follow this network") as caught:
        one.anatomy(model)
    assert caught.value.code == "unsupported"
    return str(caught.value)


def test_trouble_is_a_clear_answer_and_the_next_question_gets_one_too(one, monkeypatch):
    assert asked(one, trouble("stumbles")).endswith("RuntimeError: I am not to be followed")
    assert asked(one, trouble("dies")).endswith("the process that tried was killed by SIGABRT")
    assert len(one.anatomy(fresh(SMALL)).groups) == 3
    monkeypatch.setattr(one, "_seconds", 0.2)
    assert asked(one, trouble("sleeps")).endswith("within 0.2 s")
    monkeypatch.setattr(one, "_seconds", 60)
    assert len(one.anatomy(trouble("speaks")).groups) == 2  # what a network prints is in nobody's way
    assert asked(one, trouble("sleeps")).endswith("within 0.2 s")  # what took too long is not tried again


def test_memory_has_a_limit(one):
    assert asked(one, trouble("grows")).endswith("that takes more memory than there is for it")
    assert len(one.anatomy(trouble("quiet")).groups) == 2


def test_a_student_that_says_it_cannot_be_cut_is_not_tried(one):
    model = fresh({"use": "shufflenet_v2", "width": 0.25})
    with pytest.raises(Failure, match="width") as caught:
        Dissector(seconds=0).anatomy(model)
    assert caught.value.code == "unsupported"


def test_what_was_found_is_remembered_and_so_is_what_a_cut_leaves(monkeypatch):
    model = fresh(BIGGER)
    smaller = cut(model, lab(), 0.5, Magnitude())
    monkeypatch.setattr(SHARED, "_ask", lambda model: pytest.fail("it was known"))
    other = cut(fresh(BIGGER, seed=3), lab(), 0.25, Magnitude())
    least = cut(smaller, lab(round_to=1), 0.5, Magnitude())
    widths = [sizes(one)["head.weight"][1] for one in (model, other, smaller, least)]
    assert widths == [32, 24, 16, 8]


def test_only_so_much_is_remembered(one, monkeypatch):
    monkeypatch.setattr(dissector, "KNOWN", 2)
    for width in (7, 8, 9):
        one.anatomy(fresh({"use": "cnn", "depth": 2, "width": width}))
    assert len(one._known) == 2


def test_threads_may_ask_at_once(one):
    found = {}

    def ask(width):
        model = fresh({"use": "cnn", "depth": 2, "width": width})
        found[width] = [group.width for group in one.anatomy(model).groups]

    threads = [threading.Thread(target=ask, args=(width,)) for width in (4, 5, 6, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {4: [4, 8], 5: [5, 10], 6: [6, 12]}


def test_it_goes_home_when_nobody_asks_and_comes_back():
    one = Dissector(idle=0.1)
    try:
        one.anatomy(fresh(SMALL))
        first = one._process
        assert first.wait(60) == 0
        assert len(one.anatomy(fresh(BIGGER)).groups) == 6
        assert one._process is not first
    finally:
        one.close()


def test_a_process_that_goes_home_while_it_is_asked_is_replaced(one, monkeypatch):
    one.anatomy(fresh({"use": "cnn", "depth": 2, "width": 3}))
    first = one._process
    monkeypatch.setattr(first, "poll", lambda: None)  # nobody has noticed
    first.kill()
    first.wait()
    first.returncode = 0
    assert len(one.anatomy(fresh({"use": "cnn", "depth": 3, "width": 3})).groups) == 3
    assert one._process is not first


def test_nothing_is_left_running_when_whoever_asked_is_killed():
    program = (
        "import time; from autocompress.compress.model import Model;"
        "from autocompress.compress.cutting.dissector import SHARED;"
        "m = Model.fresh({'use': 'cnn'}, (1, 8, 8), 10, 0); SHARED.anatomy(m);"
        "print(SHARED._process.pid, flush=True); time.sleep(600)"
    )
    asker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid = int(asker.stdout.readline())
    os.kill(pid, 0)
    asker.send_signal(signal.SIGKILL)
    asker.wait()
    asker.stdout.close()
    assert gone(pid)


def gone(pid: int) -> bool:
    for _ in range(600):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True  # dead; nobody has asked how
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_the_network_that_was_asked_about_is_left_alone(one):
    model = fresh(BIGGER)
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    one.anatomy(model)
    assert all(torch.equal(value, before[name]) for name, value in model.net.state_dict().items())
