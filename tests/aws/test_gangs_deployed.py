"""Where gangs can be deployed to, and what is refused before anything is uploaded."""

from __future__ import annotations

from pathlib import Path

from .argo import argo_workflow, jobs_of
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
    workflow = argo_workflow(run_flow, tmp_path)
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


def everything(cloud: Cloud) -> str:
    """What lies in the datastore."""
    listing = "boto3.client('s3').list_objects_v2(Bucket='gangway').get('Contents', [])"
    return cloud.python(f"import boto3; print(sorted(x['Key'] for x in {listing}))")
