"""The emulated AWS itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from .cloud import Cloud
from .conftest import StartFlow

# A process that makes a cloud, with one job that would take long, and then dies.
KILLED = """
import os, signal, sys
from pathlib import Path
from aws.cloud import Cloud
cloud = Cloud(Path(sys.argv[1])).__enter__()
cloud.python('''
import boto3
batch = boto3.client("batch")
image = {"image": "any", "command": ["sleep", "1000"]}
batch.register_job_definition(jobDefinitionName="d", type="container", containerProperties=image)
batch.submit_job(jobName="sleeper", jobQueue="gangway-queue", jobDefinition="d")
''')
while cloud.jobs[0].status != "RUNNING":
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_plain_gang_runs_as_a_multi_node_job(run_flow: StartFlow) -> None:
    run = run_flow("plain_gang.py")
    assert run.status == 0, run.output + run.logs
    (gang,) = run.jobs
    assert [(node.index, node.exit_code) for node in gang.nodes] == [(0, 0), (1, 0)]
    main = gang.nodes[0].address
    assert f"nodes [(0, '{main}'), (1, '{main}')]" in run.output


def test_requests_are_checked(cloud: Cloud) -> None:
    code = "import boto3, sys; batch = boto3.client('batch'); "
    refused = {
        "batch.submit_job(jobName='a', jobQueue='q', jobDefinition='d')": "no queue q",
        "batch.submit_job(jobName='a', jobQueue='gangway-queue', jobDefinition='d')": "no job def",
    }
    for call, reason in refused.items():
        said = cloud.python(f"{code}\ntry: {call}\nexcept Exception as e: print(e)")
        assert reason in said


def test_a_cloud_ends_with_its_process(cloud: Cloud, tmp_path: Path) -> None:
    tests = Path(__file__).resolve().parents[1]
    env = {**os.environ, "PYTHONPATH": str(tests)}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=env, timeout=280)
    assert killed.returncode == -9
    deadline = time.monotonic() + 120
    while left := [p for p in psutil.process_iter(["cmdline"]) if _is_of(p, tmp_path)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def _is_of(process: psutil.Process, folder: Path) -> bool:
    return any(str(folder) in word for word in process.info["cmdline"] or [])
