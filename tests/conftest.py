"""Every test works on one thread, as workers do: two would fight with the next test process for the cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
