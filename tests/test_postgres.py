"""The store on a server: the same study, the same lock. Runs where PostgreSQL's programs are installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from fakes import Pretend, spec

from autocompress.errors import StudyError
from autocompress.study.study import Study
from autocompress.values.study import Budget

BIN = next(
    (p for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]), Path(shutil.which("initdb") or "x").parent
)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A server of our own on loopback, stopped at the end."""
    if not (BIN / "initdb").exists():
        pytest.skip("PostgreSQL is not installed here (Debian: postgresql)")
    if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres'")
    folder = tmp_path_factory.mktemp("pg")
    _reachable(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    _as_postgres(BIN / "initdb", "-D", folder / "data", "-A", "trust")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    _as_postgres(BIN / "pg_ctl", "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start")
    try:
        _as_postgres(BIN / "createdb", "-h", "127.0.0.1", "-p", port, "studies")
        user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        yield f"postgresql+psycopg://{user}:secret@127.0.0.1:{port}/studies"
    finally:
        _as_postgres(BIN / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")


def _as_postgres(*command):
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, **user
    )
    assert done.returncode == 0, done.stderr.decode()


def _reachable(folder):
    """pytest's folders are for root alone."""
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
        for parent in folder.parents:
            if parent != Path(tempfile.gettempdir()) and parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o055)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    return tmp_path


def test_a_study_lives_on_a_server(url, home):
    front = Study.of(spec(name="served", budget=Budget(trials=12)), storage=url, work=Pretend()).run()
    again = Study.open("served", storage=url)
    assert again.front().members == front.members
    assert sum(t.state != "infeasible" for t in again.trials) == 12
    assert "secret" not in "".join(p.read_text() for p in home.rglob("*.json"))
    with pytest.raises(
        StudyError, match=r"kept in postgresql\+psycopg://\w+:\*\*\*@127.0.0.1:\d+/studies; give --storage"
    ):
        Study.open("served")


def test_a_controller_on_another_machine_is_refused(url, tmp_path):
    """Another folder stands for another machine: only the server can know."""
    here = Study(spec(name="shared"), tmp_path / "here", storage=url, work=Pretend())
    longer = spec(name="shared", budget=Budget(trials=99))
    there = Study(longer, tmp_path / "there", storage=url, work=Pretend())
    steps = here.steps()
    next(steps)
    with pytest.raises(StudyError, match="study 'shared' is already being run by another process, here or elsewhere"):
        there.run()
    assert here.fact("spec")["budget"]["trials"] == 20, "who is refused has written nothing"
    steps.close()
    there.run()


def test_a_server_that_is_not_there_is_told_in_words(tmp_path):
    gone = "postgresql+psycopg://nobody:secret@127.0.0.1:1/none"
    with pytest.raises(StudyError, match="the storage cannot be opened: ") as error:
        Study(spec(), tmp_path, storage=gone, work=Pretend()).run()
    assert "secret" not in str(error.value)
    with pytest.raises(StudyError, match="the storage cannot be opened: "):
        Study(spec(), tmp_path, storage="not a url", work=Pretend()).run()
