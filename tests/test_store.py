"""What is on disk: artifacts by digest, the store's pragmas, where things live, what is refused."""

import os
import sqlite3

import pytest
from fakes import OBJECTIVES, spec
from worlds import lived

from autocompress.errors import StudyError
from autocompress.study import home
from autocompress.study.artifacts import Artifacts, write_durably
from autocompress.study.store import Store
from autocompress.values.study import Budget


def test_an_artifact_is_found_by_its_digest_and_kept_once(tmp_path):
    (tmp_path / "a").write_bytes(b"model")
    (tmp_path / "b").write_bytes(b"model")
    store = Artifacts(tmp_path / "artifacts")
    name = store.put(tmp_path / "a")
    assert name == "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4"
    assert store.put(tmp_path / "b") == name
    assert store.get(name) == b"model"
    assert [p.name for p in (tmp_path / "artifacts").rglob("*") if p.is_file()] == [name]


def test_a_damaged_artifact_is_an_error(tmp_path):
    (tmp_path / "a").write_bytes(b"model")
    store = Artifacts(tmp_path / "artifacts")
    name = store.put(tmp_path / "a")
    store.path(name).write_bytes(b"modem")
    with pytest.raises(ValueError, match=r"is damaged: its content no longer has the digest in its name"):
        store.get(name)


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    target = tmp_path / "file"
    write_durably(target, b"old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name != "posix", reason="there is no umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_is_as_readable_as_others_of_its_user(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_durably(tmp_path / "report.html", b"for a colleague")
    finally:
        os.umask(before)
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == mode


def test_a_write_makes_its_folder(tmp_path):
    write_durably(tmp_path / "references" / "baseline.json", b"{}")
    assert (tmp_path / "references" / "baseline.json").read_bytes() == b"{}"


def test_sqlite_is_in_wal_mode(tmp_path):
    _, store = lived(spec(budget=Budget(trials=2)), tmp_path)
    mode = sqlite3.connect(tmp_path / "study.db").execute("PRAGMA journal_mode").fetchone()[0]
    assert mode == "wal"
    with store._storage.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL


def test_creating_it_twice_is_creating_it_once(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    Store.create(url, "pretend", OBJECTIVES).set_fact("x", 1)
    assert Store.create(url, "pretend", OBJECTIVES).fact("x") == 1


def test_somebody_else_writing_is_noticed(tmp_path):
    _, store = lived(spec(budget=Budget(trials=3)), tmp_path)
    wrong = store.history()[0]
    with pytest.raises(StudyError, match=r"gave number \d+ to trial 0: somebody else writes to it"):
        store.add(wrong)


def test_a_damaged_file_is_told_in_words(tmp_path):
    (tmp_path / "study.db").write_bytes(b"this is not a database, and longer than its header" * 100)
    with pytest.raises(StudyError, match=r"the storage cannot be opened: .*file is not a database"):
        Store.create(f"sqlite:///{tmp_path}/study.db", "pretend", OBJECTIVES)


def test_network_file_systems_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(home, "filesystem", lambda folder: "nfs4")
    with pytest.raises(StudyError, match=r"is on a network file system \(nfs4\), where SQLite loses data"):
        Store.create(f"sqlite:///{tmp_path}/study.db", "pretend", OBJECTIVES)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"AUTOCOMPRESS_HOME": "/a/b", "XDG_DATA_HOME": "/x"}, "/a/b"),
        ({"XDG_DATA_HOME": "/x"}, "/x/autocompress"),
        ({"HOME": "/h"}, "/h/.local/share/autocompress"),
    ],
)
def test_where_studies_live(environment, expected, monkeypatch):
    for name in ("AUTOCOMPRESS_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(home.home()) == expected
