"""Every runtime: the file's answers are the network's, for any batch, in a process that has no torch."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hands import BIGGER, fresh, made, settings

from autocompress.measure.export import to_onnx
from autocompress.measure.runtimes.base import Runtime

every = pytest.mark.parametrize("runtime", settings(Runtime))


@every
def test_answers_as_the_network_does(runtime, tmp_path):
    plugin, model = made(Runtime, runtime), fresh(BIGGER)
    if plugin.suffix != ".onnx":
        pytest.skip(f"nothing here writes {plugin.suffix}")
    file = tmp_path / "model.onnx"
    to_onnx(model.net, model.inputs, file)
    session = plugin.open(file)
    for batch in (1, 7):
        x = np.random.default_rng(batch).standard_normal((batch, *model.inputs), dtype=np.float32)
        expected = model.net(torch.from_numpy(x)).detach().numpy()
        assert session(x).dtype == np.float32
        np.testing.assert_allclose(session(x), expected, atol=1e-5)


@every
def test_says_its_version(runtime):
    assert made(Runtime, runtime).version.split()[1][0].isdigit()


@every
def test_opens_without_torch(runtime):
    code = (
        "import sys; from autocompress.measure import stopwatch; from autocompress.plugin import make;"
        f"make(stopwatch.Runtime, {runtime!r}).version; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
