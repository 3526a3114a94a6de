"""What the doctor says of runtimes: what is there, what it takes to bring the rest, and what was left half made."""

from outside import program

from autocompress.measure import workers
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import names
from autocompress.study.doctor import examined, runtimes_here
from autocompress.study.home import home


def test_every_runtime_and_environment_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    found = {one.name: one for one in runtimes_here()}
    assert found.keys() == names(Runtime).keys() | workers.ENVIRONMENTS.keys()
    for one in found.values():
        assert bool(one.version) != bool(one.missing)
        assert not one.broken


def test_absent_is_no_fault_but_half_made_is(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    told = {one.what: one for one in examined()}
    assert told["runtime vela"].ok
    assert told["runtime vela"].mark == "none"
    assert told["runtime onnxruntime"].mark == "ok"
    assert told["runtime vela"].text == "the environment of vela is not installed: autocompress runtimes install vela"
    (workers.folder() / "vela").mkdir(parents=True)
    told = {one.what: one for one in examined()}
    assert not told["runtime vela"].ok
    assert told["runtime vela"].mark == "BAD"
    assert "half made" in told["runtime vela"].text


def test_environments_lie_where_everything_else_does(tmp_path, monkeypatch):
    """Two wings of the house read the same variables; neither may ask the other."""
    for name in ("AUTOCOMPRESS_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert workers.folder() == home() / "environments"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert workers.folder() == home() / "environments"
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "ours"))
    assert workers.folder() == home() / "environments" == tmp_path / "ours" / "environments"


def test_what_is_absent_is_not_called_ok(tmp_path):
    told = program("doctor", home=tmp_path).stdout.splitlines()
    vela = next(line for line in told if " runtime vela " in line)
    assert vela.split(maxsplit=3)[0] == "none"
    assert vela.endswith("  the environment of vela is not installed: autocompress runtimes install vela")
    assert next(line for line in told if " runtime onnxruntime " in line).startswith("ok   runtime onnxruntime")
