"""Gangs on Batch: nodes with a network, home and /tmp of their own."""

from __future__ import annotations

import json
import re
import shutil
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from .cloud import Cloud
from .conftest import FLOWS, CloudRun, StartFlow


def meetings(cloud: Cloud) -> str:
    """What lies in the datastore for workers that look for their control task."""
    listing = "boto3.client('s3').list_objects_v2(Bucket='gangway', Prefix='metaflow/mf.gangs')"
    return cloud.python(f"import boto3; print([x['Key'] for x in {listing}.get('Contents', [])])")


def wait_for_job(run: CloudRun, number: int) -> str:
    """The id of a run's job, once both of its nodes run."""
    deadline = time.monotonic() + 280
    while len(run.jobs) <= number or run.jobs[number].status != "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return run.jobs[number].id


@pytest.mark.faults
def test_a_worker_that_raises_fails_the_run_and_retry_works(
    cloud: Cloud, start_flow: StartFlow
) -> None:
    run = start_flow("faults_gang.py", FAULTS=json.dumps(["raise", "none"])).wait(250)
    check_attempts(run, "node 1 failed: ValueError: there are no data")
    assert meetings(cloud) == "[]\n"


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_faults_end_a_gang_and_retry_starts_it_anew(cloud: Cloud, start_flow: StartFlow) -> None:
    faults = ["die early", "kill", "lose the machine", "none"]
    cloud.spot_notice("")
    run = start_flow("faults_gang.py", FAULTS=json.dumps(faults))
    cloud.kill(wait_for_job(run, 0), 1)  # before it has met control
    run.wait_for("MEETS lose the machine", 400)
    cloud.spot_notice("2026-11-21T12:00:00Z")
    wait_for_job(run, 3)
    cloud.spot_notice(None)
    check_attempts(
        run.wait(400),
        "node 1 failed: exit code ",
        "node 1 was lost: it closed the connection",
        "failed: EC2 takes its Spot machine away at 2026-11-21T12:00:00Z",
    )
    assert meetings(cloud) == "[]\n"


@pytest.mark.faults
def test_a_ray_gang_goes_on_without_a_machine(cloud: Cloud, start_flow: StartFlow) -> None:
    run = start_flow("ray_goes_on.py")
    job = wait_for_job(run, 0)
    run.wait_for("BEGINS WITH 2", 280)
    cloud.kill(job, 1)
    run.wait(280)
    assert run.status == 0, run.output + run.logs
    assert "node 1 was lost: it closed the connection. The step goes on without it" in run.output
    assert "JOINED [45]" in run.output
    assert [each.status for each in run.jobs] == ["SUCCEEDED"]


def check_attempts(run: CloudRun, *causes: str) -> None:
    """See to it that each attempt but the last has failed, and for its cause."""
    last = len(causes)
    assert run.status == 0, run.output + run.logs
    for said in (*causes, f"FOUND [(0, {last}, True), (1, {last}, True)]"):
        assert said in run.output, said + run.output + run.logs
    assert [job.status for job in run.jobs] == ["FAILED"] * last + ["SUCCEEDED"]


def test_a_ray_gang_is_closed_and_offers_its_containers(
    cloud: Cloud, start_flow: StartFlow
) -> None:
    run = start_flow("ray_gang.py", NODES="3").wait_for("Task is starting")
    cloud.number_next(3)  # and ``s3://`` must not become ``s3-node-1://``
    run.wait(300)
    cloud.number_next(3000)
    assert run.status == 0, run.output + run.logs
    found = json.loads(run.output.partition("FOUND ")[2].partition("\n")[0])
    (job,) = run.jobs
    assert job.name.endswith("-train-3-0")
    addresses = [node.address for node in job.nodes]
    assert found["main"] == addresses[0]
    assert sorted(found["addresses"]) == sorted(addresses)
    assert found["cpus"] == [1.0] * 3
    assert found["memory"] == [2000 * 0.7] * 3
    assert all(250 < size <= 270 for size in found["store"])  # of 300 MB in /dev/shm
    assert "A STRANGER IS IN" not in found["stranger"]
    assert "InvalidAuthToken" in found["stranger"]
    assert found["ok"] == [True] * 3
    for node in range(3):
        assert f"[node {node}] [where pid=" in run.output
    assert "secret" not in json.dumps(job.request) + run.output + run.logs
    assert meetings(cloud) == "[]\n"


@pytest.mark.faults
def test_groups_have_resources_of_their_own(cloud: Cloud, run_flow: StartFlow) -> None:
    run = run_flow("groups_gang.py")
    assert run.status == 0, run.output + run.logs
    found = json.loads(run.output.partition("FOUND ")[2].partition("\n")[0])
    (job,) = run.jobs
    control, gpu, cpu = (node.address for node in job.nodes)
    # Group, CPUs, GPUs, and megabytes of memory and of the object store.
    assert found["nodes"] == {
        "node-0": ["control", 1, 0, 1000 * 0.7, 90, control],
        "node-1": ["gpu", 1, 1, 500 * 0.7, 150, gpu],
        "node-2": ["cpu", 2, 0, 500 * 0.7, 90, cpu],
    }
    assert found["where"] == [gpu, cpu] and found["group"] == "control"
    assert "came together in" in run.output
    assert ": control (node 0), gpu (node 1), cpu (node 2)" in run.output
    assert "[node 1 (gpu)] [where pid=" in run.output
    targets = [x["targetNodes"] for x in job.request["nodeOverrides"]["nodePropertyOverrides"]]
    assert targets == ["0:0", "1:1", "2:2"]


def test_an_r_flow_computes_on_both_machines(
    start_command: StartFlow, tmp_path: Path, cloud: Cloud
) -> None:
    shutil.copy(FLOWS / "ray_gang.R", tmp_path)
    run = start_command("Rscript", "ray_gang.R").wait(300)
    assert run.status == 0, run.output + run.logs
    names = sorted("ip-" + node.address.replace(".", "-") for node in run.jobs[0].nodes)
    assert f"nodes: {' '.join(names)}, cpus: 2" in run.output
    assert meetings(cloud) == "[]\n"


@pytest.mark.faults
def test_an_mpi_program_runs_on_both_machines(run_flow: StartFlow) -> None:
    check_sums(run_flow("mpi_gang.py"))


@pytest.mark.faults
@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_torchrun_runs_on_both_machines(run_flow: StartFlow, tmp_path: Path) -> None:
    shutil.copy(FLOWS / "torch_sum.py", tmp_path)
    check_sums(run_flow("torchrun_gang.py"))


@pytest.mark.faults
@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_torchrun_goes_on_from_a_checkpoint_on_s3(run_flow: StartFlow, tmp_path: Path) -> None:
    shutil.copy(FLOWS.parents[1] / "python/flows/scripts/checkpoints.py", tmp_path)
    run = run_flow("torchrun_gang.py", SCRIPT="checkpoints.py", TIMES="1")
    assert run.status == 0, run.output + run.logs
    for rank, sums in enumerate([[3, 6], [6, 12]]):
        said = re.findall(rf"\[rank {rank}\] (begins .*|epoch \d|has .*)", run.output)
        assert said == [
            *("begins anew", "epoch 0", "epoch 1", "epoch 2", "epoch 3"),
            *(f"begins after 2 with {sums[0]}", "epoch 3", "epoch 4", "epoch 5", f"has {sums[1]}"),
        ], run.output + run.logs


def check_sums(run: CloudRun) -> None:
    """Look for the sum that four ranks, two on each node, have come to."""
    assert run.status == 0, run.output + run.logs
    for rank in range(4):
        node = run.jobs[0].nodes[rank // 2]
        host = "ip-" + node.address.replace(".", "-")
        assert f"[node {rank // 2}] [rank {rank}] RANK {rank} of {host}: sum 10" in run.output
