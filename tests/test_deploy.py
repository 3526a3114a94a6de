"""The example of a cluster is one that Ray takes, and it is not open to the world."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

FILE = Path(__file__).parent.parent / "deploy" / "ray-cluster.yaml"


def test_ray_takes_the_example():
    util = pytest.importorskip("ray.autoscaler._private.util", reason="pip install 'autocompress[ray]'")
    cluster = util.prepare_config(YAML(typ="safe").load(FILE))
    util.validate_config(cluster)
    starts = [
        line for line in cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"] if "start" in line
    ]
    assert len(starts) == 2
    for line in starts:
        assert "RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0" in line
    assert "--include-dashboard=false" in starts[0]
    util.validate_config(cluster)
    with pytest.raises(Exception, match="'heads' was unexpected"):
        util.validate_config({**cluster, "heads": 1})
