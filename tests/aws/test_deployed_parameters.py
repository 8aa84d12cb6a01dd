"""Parameters and tags of a deployed run: commands of its first step, as a shell runs them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from .argo import a_cluster
from .cloud import Cloud
from .conftest import FLOWS, StartFlow

HARD = "z\u00fcrich $HOME `id` \"q\" 's' \\n \\u00e9 %s \u65e5\u672c\nend!"
GIVEN = {
    "given": HARD,
    "json_given": json.dumps({"x": HARD}),
    "day_given": "2028-02-29",
    "frame_given": json.dumps({"a": [1, 2], "b": ["x", None]}),
}


def deployed(start_command: StartFlow, folder: Path, *arguments: str, **env: str) -> dict[str, Any]:
    """What would be sent to the scheduler."""
    shutil.copy(FLOWS / "deployed.R", folder)
    create = ["create", "--only-json", "--tag", HARD, "--namespace", HARD]
    run = start_command("Rscript", "deployed.R", *arguments, *create, **env).wait()
    assert run.status == 0, run.output
    found = run.output[run.output.index("\n{") : run.output.rindex("}") + 1]
    return dict(json.loads(found))


def run_command(cloud: Cloud, folder: Path, command: str, env: dict[str, str]) -> str:
    """Run a container's command in a folder of its own; give what it prints."""
    inside = folder / "container"
    inside.mkdir()
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    env = {**env, "PATH": path, "LC_ALL": "C", "PYTHONPATH": ""}
    process = cloud.start(["bash", "-c", command], cwd=inside, env=env)
    output = process.communicate(timeout=280)[0]  # the container's end needs AWS and Argo
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # Metaflow's uploader of logs
    return output


def test_step_functions(cloud: Cloud, start_command: StartFlow, tmp_path: Path) -> None:
    roles = {
        "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/sfn",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "foreach",
    }
    machine = deployed(start_command, tmp_path, "--with=batch", "step-functions", **roles)
    job = machine["States"]["start"]["Parameters"]["ContainerOverrides"]
    env = {x["Name"]: x["Value"] for x in job["Environment"] if "Value" in x}
    env |= {"METAFLOW_PARAMETERS": json.dumps(GIVEN), "METAFLOW_RUN_ID": "1"}
    env |= {"AWS_BATCH_JOB_ID": "job", "AWS_BATCH_JOB_ATTEMPT": "1"}
    env |= dict.fromkeys(["AWS_BATCH_CE_NAME", "AWS_BATCH_JQ_NAME", "AWS_EXECUTION_ENV"], "x")
    *_, command = job["Command"]
    output = run_command(cloud, tmp_path, command, env)
    assert "all parameters have arrived" in output, output


@pytest.mark.faults
def test_argo(cloud: Cloud, start_command: StartFlow, tmp_path: Path) -> None:
    kube = a_cluster(tmp_path)
    workflow = deployed(start_command, tmp_path, "--with=kubernetes", "argo-workflows", **kube)
    values = {x["name"]: x["value"] for x in workflow["spec"]["arguments"]["parameters"]}
    values |= {name: json.dumps(value) for name, value in GIVEN.items()}  # as `trigger` does
    templates = {x["name"]: x for x in workflow["spec"]["templates"]}
    container = templates["start"]["container"]
    env = {x["name"]: x.get("value") or "x" for x in container["env"]}
    *_, command = container["command"]
    for name, value in values.items():
        encoded = base64.b64encode(value.encode()).decode()
        command = command.replace(f"{{{{=toBase64(workflow.parameters['{name}'])}}}}", encoded)
    command = re.sub(r"{{[^{}]*retries[^{}]*}}", "0", command)
    command = re.sub(r"{{[^{}]*}}", "known", command).replace("/tmp/mf-", f"{tmp_path}/mf-")
    output = run_command(cloud, tmp_path, command, env)
    assert "all parameters have arrived" in output, output
