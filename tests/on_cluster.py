"""A program for test_ray_tune: a study on a Ray of three nodes, one of which is killed, or frozen for half a minute."""

import itertools
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes import spec
from processes import descendants
from ray.cluster_utils import Cluster
from workers import Unhurried

from autocompress.study.study import Study
from autocompress.values.study import Budget

BUDGET = 60
FROZEN = 30  # seconds


def killed(cluster, node):
    cluster.remove_node(node, allow_graceful=False)


def frozen(cluster, node):
    """With all its workers."""
    raylet = node.all_processes["raylet"][0].process.pid
    family = [raylet, *descendants(raylet)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    threading.Timer(FROZEN, lambda: [os.kill(pid, signal.SIGCONT) for pid in family]).start()


if __name__ == "__main__":
    folder, happens = Path(sys.argv[1]), {"killed": killed, "frozen": frozen}[sys.argv[2]]
    settings = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=settings)
    node, _ = [cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20) for _ in range(2)]
    driver = {"use": "ray_tune", "address": cluster.address}
    study = Study(spec(driver=driver, budget=Budget(trials=BUDGET)), folder / "study", work=Unhurried(0.5))
    ended = itertools.count(1)
    for happening, loop in study.steps():
        if happening.kind == "ended" and next(ended) == 9:
            assert len(loop.running) == 2, "three work at once"
            happens(cluster, node)
    cluster.shutdown()
