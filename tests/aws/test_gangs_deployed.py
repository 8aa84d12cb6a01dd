"""Where gangs can be deployed to, and what is refused before anything is uploaded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from metaflow._vendor import yaml

from .cloud import Cloud
from .conftest import StartFlow


def test_batch_without_a_metadata_service_is_refused(cloud: Cloud, run_flow: StartFlow) -> None:
    before = everything(cloud)
    run = run_flow("ray_gang.py", METAFLOW_DEFAULT_METADATA="local")
    assert run.status != 0
    where = "@ray_parallel on step train of flow RayGangFlow"
    assert f"{where}: a gang on AWS Batch needs Metaflow's metadata service" in run.output
    assert not run.jobs and everything(cloud) == before


def test_step_functions_are_refused(cloud: Cloud, run_flow: StartFlow) -> None:
    before = everything(cloud)
    run = run_flow("ray_gang.py", "create", "--only-json", command="step-functions")
    assert run.status != 0
    assert "AWS Step Functions cannot run steps with num_parallel" in run.output
    assert everything(cloud) == before


def test_argo_runs_a_gang_as_a_jobset(run_flow: StartFlow, tmp_path: Path) -> None:
    pytest.importorskip("kubernetes", reason="the Python package kubernetes is not installed")
    # The client wants to know a cluster, and is not asked to talk to it.
    parts: dict[str, Any] = {"cluster": {"server": "http://127.0.0.1:9"}, "user": {"token": "x"}}
    parts["context"] = {"cluster": "x", "user": "x"}
    config = {f"{kind}s": [{"name": "x", kind: part}] for kind, part in parts.items()}
    (tmp_path / "kube").write_text(json.dumps({"current-context": "x", **config}))
    run = run_flow(
        "jobset_gang.py",
        "create",
        "--only-json",
        command="argo-workflows",
        KUBECONFIG=str(tmp_path / "kube"),
    )
    assert run.status == 0, run.output
    workflow = json.loads(run.output[run.output.index("\n{") : run.output.rindex("}") + 1])
    (train,) = (x for x in workflow["spec"]["templates"] if "resource" in x)
    assert train["retryStrategy"]["limit"] == 2
    control, worker = jobs_of(train["resource"]["manifest"])
    assert (control["replicas"], worker["replicas"]) == (1, 2)
    for job, prefix, context in (
        (control, "control", "ubf_control"),
        (worker, "worker", "ubf_task"),
    ):
        pod = job["template"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        environment = {x["name"]: x.get("value") for x in container["env"]}
        command = container["command"][-1]
        # Control and workers meet under the same name: control's task, and the attempt.
        assert environment["MF_PARALLEL_CONTROL_TASK_ID"] == "control-ENTROPY-0"
        assert environment["TASK_ID_PREFIX"] == prefix
        assert "METAFLOW_TASK_ID=$TASK_ID_PREFIX-ENTROPY-$TASK_ID_SUFFIX" in command
        assert "--retry-count 1 --max-user-code-retries 2" in command
        assert environment["UBF_CONTEXT"] == context
        assert environment["METAFLOW_RUNTIME_ENVIRONMENT"] == "kubernetes"
        assert container["resources"]["requests"]["cpu"] == "2"
        assert {"mountPath": "/dev/shm", "name": "dhsm"} in container["volumeMounts"]
        assert pod["restartPolicy"] == "Never"


def jobs_of(manifest: str) -> list[dict[str, Any]]:
    """The jobs of a JobSet, when Argo has filled in what it knows."""
    known = {"workerCount": "2", "task-id-entropy": "ENTROPY", "retryCount": "1"}
    for name, value in known.items():
        manifest = re.sub(rf"{{{{[^{{}}]*inputs\.parameters\.{name}\b[^{{}}]*}}}}", value, manifest)
    jobset = yaml.safe_load(manifest)
    assert jobset["kind"] == "JobSet"
    return list(jobset["spec"]["replicatedJobs"])


def everything(cloud: Cloud) -> str:
    """What lies in the datastore."""
    listing = "boto3.client('s3').list_objects_v2(Bucket='gangway').get('Contents', [])"
    return cloud.python(f"import boto3; print(sorted(x['Key'] for x in {listing}))")
