"""`make test-cloud`, on the emulated AWS: it asks first, and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import pytest

from .cloud import Cloud
from .conftest import ROOT, CloudRun, StartFlow

SCRIPT = str(ROOT / "scripts" / "cloud.py")
LOOK = """
import boto3, json

def all_of(service, operation, key, name, **asked):
    pages = boto3.client(service).get_paginator(operation).paginate(**asked)
    return sorted(x[name] for page in pages for x in page.get(key, []))

files = all_of("s3", "list_object_versions", "Versions", "Key", Bucket="gangway")
kinds = all_of("batch", "describe_job_definitions", "jobDefinitions", "jobDefinitionArn")
try:
    group = {"logGroupName": "/aws/batch/job"}
    logs = all_of("logs", "describe_log_streams", "logStreams", "logStreamName", **group)
except boto3.client("logs").exceptions.ResourceNotFoundException:
    logs = []
print(json.dumps([files, kinds, logs]))
"""


def everything(cloud: Cloud) -> list[list[str]]:
    """What lies in the account."""
    return list(json.loads(cloud.python(LOOK)))


def start(start_command: StartFlow, *arguments: str) -> CloudRun:
    return start_command(sys.executable, SCRIPT, "--image", "any", *arguments)


def test_it_says_the_cost_and_starts_nothing_unasked(
    cloud: Cloud, start_command: StartFlow
) -> None:
    before = everything(cloud)
    run = start(start_command, "--gang", "--minutes", "20").wait()
    assert run.status == 1
    assert "Account 123456789012, region us-east-1, queue gangway-queue, image any" in run.output
    assert "Costs at most 0.06 USD for 3 vCPU in 20 minutes" in run.output
    assert run.output.endswith("Nothing was started.\n")
    assert everything(cloud) == before and not run.jobs


def test_ctrl_c_removes_all(cloud: Cloud, start_command: StartFlow) -> None:
    before = everything(cloud)
    run = start(start_command, "--yes")
    deadline = time.monotonic() + 280
    while not run.jobs or run.jobs[0].status != "RUNNING":
        assert time.monotonic() < deadline and run.process.poll() is None
        time.sleep(0.1)
    during = everything(cloud)
    assert all(now != then for now, then in zip(during, before, strict=True))
    os.kill(run.process.pid, signal.SIGINT)
    run.wait()
    assert run.status == 1 and "All of it is removed." in run.output, run.output
    assert [job.status for job in run.jobs] == ["FAILED"]
    assert everything(cloud) == before


@pytest.mark.faults
def test_it_runs_its_flows_and_removes_all(cloud: Cloud, start_command: StartFlow) -> None:
    before = everything(cloud)
    run = start(start_command, "--yes", "--gang").wait()
    assert run.status == 0, run.output + run.logs
    assert "as it was, by R" in run.output and "two nodes have computed" in run.output
    assert everything(cloud) == before
