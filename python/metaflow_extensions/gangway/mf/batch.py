"""Sets right what Metaflow's ``@batch`` does wrongly with several nodes.

- The workers' command is made from control's by replacing the task's id as text: with an id such as
  3, ``s3://`` goes too.
- Control's task waits at its end for workers that it takes for done when they have failed, and for
  ten minutes for those that are gone. It has waited for them already (`ControlGang`).
- A node that dies before it has met the others is missed by nobody. Batch knows, and whoever has
  submitted the job can ask.
- All nodes have the same resources. Groups get a node range each, in a job definition made from
  Metaflow's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from functools import wraps
from typing import Any

from .. import times
from ..signals.threads import start_thread
from .node_ranges import NodeRange, group_of
from .patches import is_known

# https://docs.aws.amazon.com/batch/latest/userguide/mnp-node-groups.html
MOST_RANGES = 5
_LOOK_SECONDS = 5.0
_KINDS = {"cpu": "VCPU", "gpu": "GPU", "memory": "MEMORY"}
# The groups of each step that has some.
_ranges: dict[str, Sequence[NodeRange]] = {}
# Steps whose gang goes on without a node that it has lost.
_going_on: set[str] = set()


def set_right(
    decorators: Iterable[Any], step_name: str, ranges: Sequence[NodeRange], goes_on: bool
) -> None:
    """Set right what a step with ``@batch`` meets; does nothing for others.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    step_name : str
        The step.
    ranges : sequence of NodeRange
        What groups its nodes have, if any.
    goes_on : bool
        Whether its gang goes on without a node that it has lost.
    """
    if goes_on:
        _going_on.add(step_name)
    for deco in decorators:
        if deco.name == "batch":
            deco._wait_for_mapper_tasks = lambda flow, step_name: True
            _ranges[step_name] = ranges
            _wrap_submission()


def worker_command(command: str, task_id: str) -> str:
    """Give the workers' shell command, from the one that both share before Metaflow splits it."""
    ours = task_id.replace("control-", "") + "-node-$AWS_BATCH_JOB_NODE_INDEX"
    its_id = rf"(--task-id[ =]|MF_PATHSPEC=[^\s/]+/[^\s/]+/[^\s/]+/){re.escape(task_id)}(?=\s|$)"
    command = re.sub(its_id, lambda found: found[1] + ours, command)
    return command.replace("ubf_control", "ubf_task").replace(
        "[multinode-args]", "--split-index $AWS_BATCH_JOB_NODE_INDEX"
    )


def _wrap_submission() -> None:
    from metaflow.plugins.aws.batch.batch_client import BatchJob

    without = "Gangs on AWS Batch whose task ids are numbers do not start their workers."
    if hasattr(BatchJob.execute, "__wrapped__") or not is_known(
        BatchJob, "execute", ["self"], without
    ):
        return
    submit = BatchJob.execute

    @wraps(submit)
    def execute(job: Any) -> Any:
        nodes = getattr(job, "num_parallel", 0)
        ranges = _ranges.get(job.payload["parameters"]["metaflow.step_name"], ())
        if nodes < 2 and not ranges:
            return submit(job)
        command = worker_command(job.payload["containerOverrides"]["command"][-1], job._task_id)
        client = job._client

        def put_right(params: dict[str, Any], **_: Any) -> None:
            overrides = params["nodeOverrides"]["nodePropertyOverrides"]
            for override in overrides[1:]:
                override["containerOverrides"]["command"][-1] = command
            if ranges:
                params["jobDefinition"] = _register(
                    client, params["jobDefinition"], overrides, ranges
                )
                params["nodeOverrides"]["nodePropertyOverrides"] = node_overrides(overrides, ranges)

        client.meta.events.register("provide-client-params.batch.SubmitJob", put_right)
        running = submit(job)
        if job.payload["parameters"]["metaflow.step_name"] not in _going_on:
            start_thread(_watch, client, running.id, nodes, ranges, name="gangway-batch")
        return running

    BatchJob.execute = execute  # type: ignore[method-assign]


def node_overrides(
    overrides: Sequence[dict[str, Any]], ranges: Sequence[NodeRange]
) -> list[dict[str, Any]]:
    """Give each range its command; its resources are in the definition.

    Parameters
    ----------
    overrides : sequence of dict
        Metaflow's: for control, and for all workers if there are some.
    ranges : sequence of NodeRange
        The nodes; control is the first.
    """
    given = []
    for override, each in zip([overrides[0], *[overrides[-1]] * len(ranges)], ranges, strict=False):
        container = dict(override["containerOverrides"])
        container.pop("resourceRequirements", None)
        given.append({"targetNodes": _targets(each), "containerOverrides": container})
    return given


def node_properties(
    container: dict[str, Any], asked: Sequence[dict[str, str]], ranges: Sequence[NodeRange]
) -> list[dict[str, Any]]:
    """Give each range its properties in a job definition.

    Parameters
    ----------
    container : dict
        What the step's nodes have in common.
    asked : sequence of dict
        The resources that the step asks for.
    ranges : sequence of NodeRange
        The nodes.
    """
    properties = []
    for each in ranges:
        amounts = {x["type"]: x["value"] for x in asked}
        mine = {_KINDS[kind]: n for kind, n in each.resources.items() if kind in _KINDS}
        amounts |= {kind: str(int(number)) for kind, number in mine.items()}
        requirements = [{"type": k, "value": v} for k, v in amounts.items() if v != "0"]
        own = {**container, "resourceRequirements": requirements}
        if "shared_memory" in each.resources:
            linux = own.get("linuxParameters", {})
            own["linuxParameters"] = {**linux, "sharedMemorySize": each.resources["shared_memory"]}
        properties.append({"targetNodes": _targets(each), "container": own})
    return properties


def _targets(each: NodeRange) -> str:
    return f"{each.nodes[0]}:{each.nodes[-1]}"


def _register(
    client: Any, arn: str, overrides: Sequence[dict[str, Any]], ranges: Sequence[NodeRange]
) -> str:
    """Give the definition that differs from Metaflow's in the ranges; registers it if need be."""
    (known,) = client.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
    taken = client.meta.service_model.operation_model("RegisterJobDefinition").input_shape.members
    definition = {name: value for name, value in known.items() if name in taken}
    nodes = definition["nodeProperties"]
    asked = overrides[0]["containerOverrides"]["resourceRequirements"]
    container = nodes["nodeRangeProperties"][0]["container"]
    definition["nodeProperties"] = {
        **nodes,
        "nodeRangeProperties": node_properties(container, asked, ranges),
    }
    del definition["jobDefinitionName"]
    text = json.dumps(definition, sort_keys=True)
    # Roles may be limited to what has Metaflow's prefix.
    name = f"metaflow_{hashlib.sha224(text.encode()).hexdigest()}"
    found = client.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")
    for same in found["jobDefinitions"]:
        return str(same["jobDefinitionArn"])
    registered = client.register_job_definition(jobDefinitionName=name, **definition)
    return str(registered["jobDefinitionArn"])


def _watch(client: Any, job: str, nodes: int, ranges: Sequence[NodeRange]) -> None:
    """End a job whose main node does not notice that another has failed."""
    since: dict[str, float] = {}
    while True:
        time.sleep(_LOOK_SECONDS)
        with contextlib.suppress(Exception):  # the next look may do better
            ids = [job, *(f"{job}#{i}" for i in range(1, nodes))]
            found = {}
            for at in range(0, len(ids), 100):
                answer = client.describe_jobs(jobs=ids[at : at + 100])
                found.update({each["jobId"]: each for each in answer["jobs"]})
            if found.get(job, {}).get("status") in ("SUCCEEDED", "FAILED"):
                return
            for each in ids[1:]:
                if found.get(each, {}).get("status") == "FAILED":
                    since.setdefault(each, time.monotonic())
                    if time.monotonic() - since[each] > times.BATCH_PATIENCE:
                        why = failure(found[each], ranges)
                        print(f"gangway: {why}; the job is ended", file=sys.stderr, flush=True)
                        client.terminate_job(jobId=job, reason=why)
                        return


def failure(node: dict[str, Any], ranges: Sequence[NodeRange] = ()) -> str:
    """Say what Batch knows of a node that has failed, from its description."""
    index = node["jobId"].rpartition("#")[2]
    group = group_of(ranges, int(index))
    container = node.get("container", {})
    parts = [container.get("reason"), node.get("statusReason")]
    if (status := container.get("exitCode")) is not None:
        parts.insert(0, f"exit code {status}")
    said = ", ".join(dict.fromkeys(part for part in parts if part))
    return f"node {index}{f' ({group})' if group else ''} failed" + (f": {said}" if said else "")
