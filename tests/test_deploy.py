"""The examples of clusters are such that Ray and KubeRay take them, and they are not open to the world."""

import copy
from pathlib import Path

import pytest
from jsonschema import ValidationError, validate
from ruamel.yaml import YAML

DEPLOY = Path(__file__).parent.parent / "deploy"
FILE = DEPLOY / "ray-cluster.yaml"


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


# --- Kubernetes ---

TEXT, WHOLE = {"type": "string"}, {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": TEXT}  # YAML's false and 0 are none


def closed(required=(), **fields):
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def several(of):
    return {"type": "array", "items": of, "minItems": 1}


PROBE = closed(
    ["exec"],
    exec=closed(["command"], command=several(TEXT)),
    periodSeconds=WHOLE,
    timeoutSeconds=WHOLE,
    failureThreshold=WHOLE,
)
CONTAINER = closed(
    ["name", "image", "resources"],
    name=TEXT,
    image=TEXT,
    resources=closed(["requests", "limits"], requests=TEXTS, limits=TEXTS),
    env=several(closed(["name", "value"], name=TEXT, value=TEXT)),
    envFrom=several(closed(["secretRef"], secretRef=closed(["name"], name=TEXT))),
    volumeMounts=several(closed(["name", "mountPath"], name=TEXT, mountPath=TEXT)),
    readinessProbe=PROBE,
    livenessProbe=PROBE,
)
POD = closed(
    ["containers"],
    containers=several(CONTAINER),
    volumes=several(closed(["name", "emptyDir"], name=TEXT, emptyDir=closed())),
    nodeSelector=TEXTS,
)
GROUP = {"rayStartParams": TEXTS, "template": closed(["spec"], spec=POD)}
CLUSTER = closed(  # of the fields that KubeRay 1.5.1's API reference lists for ray.io/v1, and Kubernetes for pods: ours
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayCluster"},
    metadata=closed(["name"], name={"type": "string", "pattern": "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"}),
    spec=closed(
        ["rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"],
        rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        authOptions=closed(["mode"], mode={"enum": ["disabled", "token"]}),
        headGroupSpec=closed(list(GROUP), serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}, **GROUP),
        workerGroupSpecs=several(
            closed(
                ["groupName", "minReplicas", "maxReplicas", *GROUP],
                groupName=TEXT,
                replicas=WHOLE,
                minReplicas=WHOLE,
                maxReplicas=WHOLE,
                **GROUP,
            )
        ),
    ),
)


@pytest.fixture
def cluster():
    return YAML(typ="safe").load(DEPLOY / "kuberay.yaml")


def test_kuberay_takes_the_example(cluster):
    validate(cluster, CLUSTER)
    for wrong in (
        lambda it: it["spec"].update(head={}),
        lambda it: it["spec"].update(rayVersion=2.6),
        lambda it: it["spec"]["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
        lambda it: it["spec"]["workerGroupSpecs"][0].pop("template"),
        lambda it: it["spec"]["authOptions"].update(mode="none"),
    ):
        harmed = copy.deepcopy(cluster)
        wrong(harmed)
        with pytest.raises(ValidationError):
            validate(harmed, CLUSTER)


def test_what_it_tells_ray_is_an_option_of_it(cluster):
    scripts = pytest.importorskip("ray.scripts.scripts", reason="pip install 'autocompress[ray]'")
    options = {option.removeprefix("--") for each in scripts.start.params for option in each.opts}
    for group in groups(cluster):
        assert set(group["rayStartParams"]) <= options
    probes = [pod(group)["livenessProbe"]["exec"]["command"][-1] for group in groups(cluster)]
    assert {probe.split()[1] for probe in probes} <= set(scripts.cli.commands)


def test_it_is_closed_and_tells_nobody(cluster):
    head = cluster["spec"]["headGroupSpec"]
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    assert (head["serviceType"], head["rayStartParams"]["include-dashboard"]) == ("ClusterIP", "false")
    for group in groups(cluster):
        container, known = pod(group), {each["name"]: each["value"] for each in pod(group)["env"]}
        assert known["RAY_USAGE_STATS_ENABLED"] == "0"
        assert known["AUTOCOMPRESS_HOME"] in {mount["mountPath"] for mount in container["volumeMounts"]}
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in group["template"]["spec"]["volumes"]}
        assert known["AUTOCOMPRESS_FILES"].startswith("s3://")
        assert container["resources"]["requests"] == container["resources"]["limits"], "nobody else's time is measured"


def groups(cluster):
    return [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]


def pod(group):
    [container] = group["template"]["spec"]["containers"]
    return container
