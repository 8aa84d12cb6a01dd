"""Gangs on Batch: nodes with a network, home and /tmp of their own."""

from __future__ import annotations

import json

from .cloud import Cloud
from .conftest import StartFlow


def meetings(cloud: Cloud) -> str:
    """What lies in the datastore for workers that look for their control task."""
    listing = "boto3.client('s3').list_objects_v2(Bucket='gangway', Prefix='metaflow/mf.gangs')"
    return cloud.python(f"import boto3; print([x['Key'] for x in {listing}.get('Contents', [])])")


def test_faults_end_a_gang_and_retry_starts_it_anew(cloud: Cloud, start_flow: StartFlow) -> None:
    faults = ["raise", "kill", "store", "terminate", "none"]
    run = start_flow("faults_gang.py", FAULTS=json.dumps(faults)).wait()
    print(run.output, run.logs)
    assert run.status == 0
    assert "FOUND [(0, 4, True), (1, 4, True), (2, 4, True)]" in run.output
    assert meetings(cloud) == "[]\n"
