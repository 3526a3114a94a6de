"""Machines without a common folder: what one makes the other finds, whole or not at all."""

import os
import signal
import socket
import subprocess
import sys
from collections import Counter

import fsspec
import pytest
import test_compression
from fakes import Pretend, spec
from hands import SMALL, fresh, lab
from test_course import FOUR

from autocompress.compress.stages.base import Stage
from autocompress.errors import StoreAway, StudyError
from autocompress.plugin import make
from autocompress.study import elsewhere
from autocompress.study.artifacts import Artifacts
from autocompress.study.bundle import bundle, unbundled
from autocompress.study.cache import Cache
from autocompress.study.compression import Bench
from autocompress.study.core import Loop
from autocompress.study.course import Course
from autocompress.study.depot import Depot, depot
from autocompress.study.drivers.base import Driver
from autocompress.study.drivers.ray_tune import RayTune, environment
from autocompress.study.evaluate import Careful
from autocompress.study.store import Store
from autocompress.study.study import Study
from autocompress.values.job import BASELINE, Job, Rung
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget

KINDS = ["file", "memory", "s3"]


@pytest.fixture(scope="module")
def s3():
    """A server of that protocol on loopback."""
    pytest.importorskip("s3fs", reason="pip install 'autocompress[s3]'")
    server = pytest.importorskip("moto.server", reason="pip install 'moto[s3]' flask flask-cors")
    served = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    with pytest.MonkeyPatch.context() as patch:
        host, port = served.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").mkdir("bucket")
        yield host, port
    served.stop()


@pytest.fixture(params=KINDS)
def there(request, tmp_path, monkeypatch):
    if request.param == "s3":
        request.getfixturevalue("s3")
    room = {"file": str(tmp_path), "memory": f"/{tmp_path.name}", "s3": f"bucket/{tmp_path.name}"}[request.param]
    url = f"{request.param}://{room}/store"
    monkeypatch.setenv("AUTOCOMPRESS_FILES", url)
    return depot()


def on_disk(folder):
    return Depot(f"file://{folder}")


# --- the store itself ---


def test_what_is_put_is_there(there):
    there.tried()
    assert (there.get("a/b"), there.size("a/b")) == (None, None)
    there.put("a/b", b"one")
    there.under("a").put("b", b"another")
    there.put("a/c/d", b"")
    assert (there.get("a/b"), there.size("a/b")) == (b"another", 7)
    assert there.under("a").names() == {"b", "c/d"}
    assert there.under("nowhere").names() == set()
    there.remove("a/b")
    there.remove("a/b")
    assert there.get("a/b") is None


def test_what_others_put_later_is_seen(there):
    assert there.get("late") is None
    assert there.names() == set()
    Depot(os.environ["AUTOCOMPRESS_FILES"]).put("late", b"x")
    assert (there.names(), there.size("late")) == ({"late"}, 1)


def test_a_store_that_is_away_says_so(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreAway, match=r"^the store file:///.*/file/x cannot be used: .* \(see AUTOCOMPRESS_FILES"):
        Depot(f"file://{tmp_path}/file/x").tried()
    with pytest.raises(StudyError, match=r"^AUTOCOMPRESS_FILES=nosuch://x cannot be opened: .*nosuch"):
        Depot("nosuch://somebody:secret@x")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)  # what was imported before
    with pytest.raises(StudyError, match=r"pip install 'autocompress\[s3\]'"):
        Depot("s3://bucket/new")


def test_a_bucket_that_is_not_there_says_so(s3):
    with pytest.raises(StoreAway, match=r"^the store s3://another/x cannot be used: .*bucket does not exist"):
        Depot("s3://another/x").tried()


# --- half of it is none ---

KILLED = """
import os, signal, sys
from pathlib import Path
from fsspec.implementations.local import LocalFileSystem
from autocompress.study.depot import Depot

def dies(self, place, content):
    Path(place).write_bytes(content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)

LocalFileSystem.pipe_file = dies
Depot(sys.argv[1]).put("model", b"0123456789")
"""


def test_killed_while_it_puts_something_up(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, f"file://{tmp_path}"], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"01234"], "the half is under another name"
    assert on_disk(tmp_path).get("model") is None


def test_killed_while_it_puts_something_up_to_s3(s3):
    with socket.create_connection(s3) as line:
        head = "PUT /bucket/half HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 x\r\nContent-Length: 10\r\n\r\n"
        line.sendall(head.encode() + b"01234")
    assert Depot("s3://bucket").get("half") is None


def test_half_a_bundle_is_none(tmp_path):
    (tmp_path / "model").write_bytes(b"0" * 9000)
    for litter in (".tmp-x", "model.part", "x.lock"):
        (tmp_path / litter).touch()
    whole = bundle(tmp_path)
    assert unbundled(whole) == {"model": b"0" * 9000}
    assert [unbundled(whole[:length]) for length in (0, 5, 4000, len(whole) - 1)] == [None] * 4
    assert unbundled(whole.replace(b"0", b"1", 1)) is None


def test_an_artifact_comes_from_the_store_checked(there, tmp_path):
    mine, theirs = Artifacts(tmp_path / "A", there), Artifacts(tmp_path / "B", there)
    name = mine.keep(b"model")
    assert theirs.get(name) == b"model"
    assert (tmp_path / "B" / name[:2] / name).read_bytes() == b"model", "from now on it is here"
    there.put(f"artifacts/{name[:2]}/{name}", b"mod")
    with pytest.raises(ValueError, match="was damaged on its way here"):
        Artifacts(tmp_path / "C", there).get(name)
    mine.keep(b"model")
    assert Artifacts(tmp_path / "C", there).get(name) == b"model", "who has it puts up the whole"
    with pytest.raises(FileNotFoundError, match="is not on this machine, nor in the store"):
        mine.get("0" * 64)
    with pytest.raises(FileNotFoundError, match=r"is not on this machine \(AUTOCOMPRESS_FILES: where another"):
        Artifacts(tmp_path / "A").get("0" * 64)


def test_what_was_kept_before_there_was_a_store_is_put_up(tmp_path):
    name = Artifacts(tmp_path / "A").keep(b"model")
    (tmp_path / "A" / name[:2] / ".tmp-half").write_bytes(b"mod")
    there = on_disk(tmp_path / "store")
    Artifacts(tmp_path / "A", there).put_up()
    assert there.names() == {f"artifacts/{name[:2]}/{name}"}
    assert Artifacts(tmp_path / "B", there).get(name) == b"model"


# --- two machines, one work ---


def course(folder, there, *, rungs=(0.25, 0.5), leave=9):
    """A machine's part in a training: accuracies at its rungs, epochs that it has trained itself."""
    recipe, bench, found = Recipe.of({"student": SMALL, "stages": [FOUR]}), lab(), {}
    cache = Cache(folder, there)
    running = Course(Job(0, recipe, rungs=rungs), bench, [make(Stage, FOUR)], cache, lambda n: recipe.keys[n])
    steps, answer, epochs = running.run(fresh(SMALL)), None, 0
    while True:
        try:
            event = steps.send(answer)
        except StopIteration as end:
            return found, epochs, end.value
        answer = None
        if isinstance(event, Rung):
            found[event.at] = event.measurements[0].value
            answer = len(found) < leave
        else:
            epochs += 1


def test_what_one_machine_has_trained_the_other_takes(there, tmp_path):
    accuracies, epochs, model = course(tmp_path / "A", there)
    again, trained, taken = course(tmp_path / "B", there)
    assert (epochs, trained) == (4, 0)
    assert again == accuracies, "as they were then, not as the finished network is"
    assert all((a == b).all() for a, b in zip(model.net.parameters(), taken.net.parameters(), strict=True))
    [entry] = [name for name in there.names() if name.startswith("cache/") and "rungs" not in name]
    there.put(entry, there.get(entry)[:-1])
    assert course(tmp_path / "C", there)[1] == 4, "a damaged entry is made again"
    assert course(tmp_path / "D", there)[1] == 0, "and put up again"


def test_what_one_machine_was_told_to_stop_the_other_goes_on_with(there, tmp_path):
    assert course(tmp_path / "A", there, leave=2)[1:] == (2, None)
    assert Counter(name.split("/")[1] for name in there.names()) == {"begun": 1, "rungs": 2}
    _, trained, model = course(tmp_path / "B", there, rungs=())
    assert trained == 2
    assert model is not None
    assert "begun" not in {name.split("/")[1] for name in there.names()}, "nobody needs the half any more"


def test_a_candidate_is_measured_beside_the_baseline_of_another_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_FILES", f"file://{tmp_path}/store")
    study, job = test_compression.study(), test_compression.job(test_compression.LEARN)
    for machine, work in ("A", Job(BASELINE, Recipe.of(study.teacher), seed=study.seed)), ("B", job):
        monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / machine))
        bench = Bench(study, tmp_path / machine / "studies" / "real")
        assert test_compression.events(bench, work)[-1].outcome.state == "complete"
        assert bench.has_teacher
    folder = tmp_path / "B" / "studies" / "real" / "references"
    assert {"baseline.json", "reference-onnxruntime.onnx", "images.sha256"} <= {p.name for p in folder.iterdir()}


def test_a_study_that_was_begun_without_the_store(there, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "A"))
    mine, theirs = (tmp_path / machine / "studies" / "it" for machine in "AB")
    elsewhere.ready(mine, "it", begun=False)
    with pytest.raises(StudyError, match="study 'it' was begun on another machine, which has not put its files up"):
        elsewhere.ready(theirs, "it", begun=True)
    Artifacts(mine / "artifacts").keep(b"model")
    (mine / "references").mkdir(parents=True)
    (mine / "references" / "baseline.json").write_text("{}")
    elsewhere.ready(mine, "it", begun=True)
    assert len(there.under("artifacts").names()) == 1
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "B"))
    elsewhere.ready(theirs, "it", begun=True)
    assert (theirs / "references" / "baseline.json").read_text() == "{}"


def test_work_that_failed_for_want_of_the_store_is_done_again(tmp_path):
    study = spec(budget=Budget(trials=4), driver={"use": "serial"})
    store = Store.create(f"sqlite:///{tmp_path}/study.db", study.name, study.objectives)
    away = []

    def work(job):
        if job.number == 2:
            away.append(job)
            raise StoreAway("the store s3://x cannot be used")
        yield from Pretend()(job)

    with make(Driver, study.driver).start(Careful(work)) as pool:
        list(Loop(study, store).run(pool))
    trials = {t.number: t for t in store.trials()}
    assert (trials[2].state, trials[2].code, trials[2].message) == (
        "failed",
        "store_away",
        "the store s3://x cannot be used",
    )
    assert [t.state for t in trials.values() if t.retry_of == 2] == ["complete"]


def test_a_run_looks_for_its_store_before_anything_else(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "A"))
    monkeypatch.setenv("AUTOCOMPRESS_FILES", f"file://{tmp_path}/file/x")
    study = Study.of(test_compression.study())
    with pytest.raises(StoreAway):
        study.run()
    assert not study.trials


def test_workers_on_other_machines_are_told_of_the_store(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    assert "AUTOCOMPRESS_FILES" not in environment(RayTune())
    monkeypatch.setenv("AUTOCOMPRESS_FILES", "s3://bucket/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    told = environment(RayTune())
    assert (told["AUTOCOMPRESS_FILES"], told["AUTOCOMPRESS_HOME"]) == ("s3://bucket/x", str(tmp_path))
    assert "secret" not in told.values(), "each machine has its own"
