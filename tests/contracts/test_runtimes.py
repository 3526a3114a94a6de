"""Every runtime: what it writes answers as the network does, for any batch, quietly, the same bytes each time."""

import contextlib
import os
import re
import subprocess
import sys
import zipfile
from functools import cache

import numpy as np
import pytest
import torch
from hands import BIGGER, SMALL, digits, fresh, lab, made, settings
from torch import nn

from autocompress.compress.quantizers.base import Quantizer
from autocompress.errors import Failure
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make

every = pytest.mark.parametrize("runtime", settings(Runtime))
NETS = [SMALL, BIGGER]  # all students, in all runtimes: tests/test_runtimes_slow.py
TIMED = """
import os, sys
from pathlib import Path
import numpy as np
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make

def seconds():
    tasks = Path("/proc/self/task")
    return {{task.name: int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()}}

session, x = make(Runtime, {runtime!r}).open(Path({file!r})), np.ones((1, 1, 8, 8), np.float32)
for _ in range(3):
    session(x)
before = seconds()
for _ in range(300):
    session(x)
grown = {{task: spent - before.get(task, 0) for task, spent in seconds().items()}}
mine = grown.pop(str(os.getpid()))
print(mine, sum(grown.values()), "torch" in sys.modules)
"""
WITH_TORCH = {"torch", "executorch"}  # the Python side of ExecuTorch speaks in tensors


def here(tree) -> Runtime:
    plugin = made(Runtime, tree)
    if plugin.missing:
        pytest.skip(plugin.missing)
    return plugin


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Lowered once for all tests."""
    folder = tmp_path_factory.mktemp("lowered")

    @cache
    def file(name: str, student: str = "resnet"):
        plugin = make(Runtime, {"use": name})
        path = folder / f"{name}-{student}{plugin.suffix}"
        plugin.lower(stirred(student), (1, 8, 8), path)
        return path

    return file


def stirred(student: str) -> nn.Module:
    """A network whose batch norms say something: fresh ones would hide that they were lost."""
    net = fresh(next(net for net in NETS if net["use"] == student)).net
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return net


def images(many: int) -> np.ndarray:
    return np.random.default_rng(many).standard_normal((many, 1, 8, 8), dtype=np.float32)


@every
@pytest.mark.parametrize("student", [net["use"] for net in NETS])
def test_answers_as_the_network_does(runtime, student, files):
    plugin = here(runtime)
    session, net = plugin.open(files(runtime["use"], student)), stirred(student)
    for many in (1, 7, 33):
        found = session(images(many))
        expected = net(torch.from_numpy(images(many))).detach().numpy()
        assert (found.dtype, found.shape) == (np.float32, (many, 10))
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@every
def test_answers_stay_when_it_is_asked_again(runtime, files):
    session = here(runtime).open(files(runtime["use"]))
    first = session(images(3))
    kept = first.copy()
    session(images(4))
    np.testing.assert_array_equal(first, kept)


@every
def test_integers_answer_as_the_network_that_learned_them(runtime, files, tmp_path):
    plugin, scheme = here(runtime), make(Quantizer, {"use": "lsq"})
    ready = scheme.prepare(fresh(SMALL), lab())
    net, file = scheme.frozen(ready.net, plugin.dialect), tmp_path / f"short{plugin.suffix}"
    plugin.lower(net, (1, 8, 8), file)
    x = digits().prepared(digits().val.x)
    found = plugin.open(file)(x)
    expected = net(torch.from_numpy(x)).detach().numpy()
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.98
    assert np.abs(found - expected).mean() < 0.02 * np.abs(expected).max()
    if plugin.suffix != ".pt2":  # where integers are only simulated
        assert file.stat().st_size < 0.6 * files(runtime["use"], "cnn").stat().st_size


@every
def test_lowering_is_quiet_leaves_the_network_alone_and_gives_equal_bytes_for_equal_weights(
    runtime, files, tmp_path, capfd
):
    plugin, net, first = here(runtime), stirred("cnn").train(), files(runtime["use"], "cnn")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    capfd.readouterr()
    file = tmp_path / f"model{plugin.suffix}"
    plugin.lower(net, (1, 8, 8), file)
    plugin.open(file)(images(2))
    assert capfd.readouterr() == ("", "")
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert os.listdir(tmp_path) == [file.name]
    content = file.read_bytes()
    assert content == first.read_bytes()
    for path in (tmp_path, os.getcwd(), sys.prefix):
        assert str(path).encode() not in content, "a file shall say nothing of the machine it was made on"


@every
def test_refuses_a_file_that_is_not_its_own(runtime, tmp_path):
    plugin = here(runtime)
    for content in (b"hello", b"PK\x03\x04" + bytes(100), bytes(range(256)) * 4):
        odd = tmp_path / f"odd{plugin.suffix}"
        odd.write_bytes(content)
        with pytest.raises(ValueError, match=r"odd\."):
            plugin.open(odd)


@every
def test_a_runtime_says_so_if_opening_a_file_may_run_what_somebody_hid_in_it(runtime, files, tmp_path):
    """Archives of torch hold formulas, as text."""
    plugin, trace, odd = here(runtime), tmp_path / "trace", tmp_path / f"odd{here(runtime).suffix}"
    if not zipfile.is_zipfile(files(runtime["use"])):
        pytest.skip("its files are no archives")
    hidden = f"\"expr_str\": \"__import__('pathlib').Path('{trace}').touch()\"".encode()
    with zipfile.ZipFile(files(runtime["use"])) as source, zipfile.ZipFile(odd, "w") as target:
        for name in source.namelist():
            target.writestr(name, re.sub(rb'"expr_str": *"[^"]*"', hidden, source.read(name)))
    with contextlib.suppress(Exception):
        plugin.open(odd)
    assert plugin.runs_code or not trace.exists()


@every
def test_what_cannot_be_written_is_a_failure(runtime, tmp_path, capfd):
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if float(x.sum()) > 0 else -x

    plugin = here(runtime)
    with pytest.raises(Failure, match="cannot be") as caught:
        plugin.lower(Odd(), (1, 8, 8), tmp_path / "odd")
    assert caught.value.code == "export"
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@every
def test_one_thread_is_one_thread(runtime, files):
    """Counted by the kernel, in a process that has nothing else to do."""
    here(runtime)
    code = TIMED.format(runtime={**runtime, "threads": 1}, file=str(files(runtime["use"])))
    if not os.path.exists("/proc/self/schedstat"):
        pytest.skip("only Linux says what each thread did")
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    mine, others, torch_too = done.stdout.split()
    assert int(others) <= 0.2 * int(mine)
    assert (torch_too == "True") == (runtime["use"] in WITH_TORCH)
    assert done.stderr == ""


@every
def test_says_its_version(runtime):
    assert here(runtime).version.split()[1][0].isdigit()


@every
def test_names_itself_without_importing_anything_heavy(runtime):
    code = (
        "import sys; from autocompress.measure import stopwatch; from autocompress.plugin import make;"
        f"plug = make(stopwatch.Runtime, {runtime!r}); plug.missing or plug.version; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@every
def test_what_is_not_installed_is_said_with_the_command_that_brings_it(runtime, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    plugin = made(Runtime, runtime)
    monkeypatch.setattr("autocompress.measure.runtimes.base.find_spec", lambda name: None)
    assert "is not installed: pip install " in plugin.missing
    assert plugin.missing.endswith(f"'autocompress[{plugin.extra}]'" if plugin.extra else plugin.module)
