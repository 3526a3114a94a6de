"""How many threads a worker takes: its share of the machine, or what a person has said."""

import os
import subprocess
import sys

import pytest

from autocompress.study.drivers._share import told

ASKED = "import torch; print(torch.get_num_threads())"


@pytest.mark.parametrize(("said", "wanted"), [(None, 2), ("1", 1)])
def test_torch_takes_what_a_person_has_said_and_else_its_share(monkeypatch, said, wanted):
    """It takes the larger of OMP_NUM_THREADS and MKL_NUM_THREADS, so they must not differ."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    environment = {**os.environ, **told(2, 1)}
    done = subprocess.run([sys.executable, "-c", ASKED], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == wanted
