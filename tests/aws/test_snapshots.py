"""What is sent to Batch and to Argo for a gang, as it was when somebody last looked at it.

After a change that was meant: `pytest tests/aws/test_snapshots.py --snapshot-update`, and read the
difference.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import metaflow
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from .argo import argo_workflow, jobs_of
from .cloud import Cloud
from .conftest import StartFlow

METAFLOW = "2.19.39"
pytestmark = pytest.mark.skipif(
    metaflow.__version__ != METAFLOW, reason=f"the snapshots are of Metaflow {METAFLOW}"
)

# What is another one in each run, on each machine or for each Python, and what stands for it.
VOLATILE = {
    r"/[0-9a-f]{2}/[0-9a-f]{40}\b": "/xx/SHA",
    r"\b[0-9a-f]{40}\b": "SHA",
    r"\bmetaflow_[0-9a-f]{40,}\b": "metaflow_HASH",
    r"\b3\.\d+\.\d+\S* \([^()]*\) \[[^][]*\]": "3.x.y",
    r"\b3\.\d+\.\d+(?=[\\\"'])": "3.x.y",
    r"\b20\d\d-\d\d-\d\dT?[\d:.+Z]*": "DATE",
}


def test_the_batch_job_of_a_gang(
    cloud: Cloud, start_flow: StartFlow, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    cloud.number_next(70001)
    run = start_flow("ray_gang.py", NODES="2", TMPDIR=str(tmp_path))  # it is killed
    deadline = time.monotonic() + 280
    while not run.jobs:
        assert time.monotonic() < deadline and run.process.poll() is None
        time.sleep(0.2)
    request = run.jobs[0].request
    run.stop()
    name = request["jobDefinition"].rpartition("/")[2].partition(":")[0]  # of its ARN
    asked = f"describe_job_definitions(jobDefinitionName={name!r})['jobDefinitions'][0]"
    code = f"import boto3, json; print(json.dumps(boto3.client('batch').{asked}))"
    sent = {"request": request, "definition": json.loads(cloud.python(code))}
    assert stable(sent) == snapshot(extension_class=JSONSnapshotExtension)


def test_the_argo_template_of_a_gang(
    run_flow: StartFlow, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    templates = argo_workflow(run_flow, tmp_path)["spec"]["templates"]
    (train,) = (x for x in templates if "resource" in x)
    train["resource"]["manifest"] = jobs_of(train["resource"]["manifest"])
    assert stable(train) == snapshot(extension_class=JSONSnapshotExtension)


def stable(found: dict[str, Any]) -> Any:
    """The same with placeholders for what is `VOLATILE`."""
    text = json.dumps(found)
    for pattern, name in VOLATILE.items():
        text = re.sub(pattern, name, text)
    return json.loads(text)
