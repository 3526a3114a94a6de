"""What takes minutes: every student in every runtime, integers in all from one network, environments from the net."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from hands import BIGGER, FAST, SMALL, digits, finish, fresh, lab, settings, students

from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.train import fit
from autocompress.measure import workers
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.graph_of_file import read
from autocompress.measure.runtimes.base import Runtime
from autocompress.measure.runtimes.litert import Litert
from autocompress.measure.vela import vela
from autocompress.plugin import make

pytestmark = pytest.mark.slow


@pytest.fixture(params=settings(Runtime))
def runtime(request) -> Runtime:
    plugin = make(Runtime, request.param)
    if plugin.missing:
        pytest.skip(plugin.missing)
    return plugin


@pytest.mark.parametrize("student", students())
def test_every_student_answers_as_its_network_does(runtime, student, tmp_path):
    inputs = (3, 32, 32) if student["use"] == "torchvision" else (1, 8, 8)
    net, file = fresh(student, inputs=inputs).net, tmp_path / f"model{runtime.suffix}"
    runtime.lower(net, inputs, file)
    x = np.random.default_rng(0).standard_normal((5, *inputs), dtype=np.float32)
    expected = net(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(runtime.open(file)(x), expected, atol=1e-3 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("bits", [8, 4])
def test_one_network_of_integers_is_as_right_everywhere(runtime, bits, tmp_path):
    scheme = make(Quantizer, {"use": "lsq", "weights": bits})
    ready = scheme.prepare(finish(fit(fresh(BIGGER), lab(), replace(FAST, epochs=6))), lab())
    net, file = scheme.frozen(ready.net, runtime.dialect), tmp_path / f"model{runtime.suffix}"
    runtime.lower(net, (1, 8, 8), file)
    x = digits().prepared(digits().val.x)
    expected = net(torch.from_numpy(x)).detach().numpy().argmax(1)
    assert (runtime.open(file)(x).argmax(1) == expected).mean() >= 0.98


def test_all_of_an_integer_file_is_integers_and_runs_on_an_accelerator(tmp_path):
    for lack in (Litert().missing, workers.missing("vela")):
        if lack:
            pytest.skip(lack)
    from ai_edge_litert.interpreter import Interpreter

    sizes = {}
    for bits in (8, 2):
        scheme = make(Quantizer, {"use": "lsq", "weights": bits, "ends": None})
        net = scheme.frozen(scheme.prepare(fresh(BIGGER), lab()).net, Litert.dialect)
        file = tmp_path / f"{bits}.tflite"
        Litert().lower(net, (1, 8, 8), file)
        inside = Interpreter(str(file))
        inside.allocate_tensors()
        assert {t["dtype"] for t in inside.get_tensor_details()} <= {np.int8, np.int32}
        sizes[bits] = vela(file)
    assert sizes[8].left == sizes[2].left == 0
    assert sizes[2].flash < 0.8 * sizes[8].flash
    assert 0 < sizes[8].sram < 2**20
    assert 0 < sizes[8].seconds == pytest.approx(sizes[8].cycles / sizes[8].clock)
    plug = make(Estimator, {"use": "vela", "accelerator": "ethos-u55-128", "error": {"p90": "60 %"}})
    assert plug.estimate(read(tmp_path / "8.tflite"), Board(), {}) == pytest.approx(sizes[8].seconds)


@pytest.mark.parametrize("name", sorted(workers.ENVIRONMENTS))
def test_an_environment_can_be_made(name, tmp_path, monkeypatch):
    """With the network and the pip settings of whoever runs this: gigabytes, for one of them."""
    if name == "litert" and "AUTOCOMPRESS_TEST_DOWNLOADS" not in os.environ:
        pytest.skip("7 GB; set AUTOCOMPRESS_TEST_DOWNLOADS to make it")
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    workers.install(name)
    assert workers.missing(name) == ""
    if name == "litert":
        Litert().lower(fresh(SMALL).net, (1, 8, 8), tmp_path / "model.tflite")
        assert (tmp_path / "model.tflite").stat().st_size > 10_000
