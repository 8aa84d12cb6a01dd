"""Sets right what Metaflow's ``@batch`` does wrongly with several nodes.

- The workers' command is made from control's by replacing the task's id as text: with an id such as
  3, ``s3://`` goes too.
- Control's task waits at its end for workers that it takes for done when they have failed, and for
  ten minutes for those that are gone. It has waited for them already (`ControlGang`).
- A node that dies before it has met the others is missed by nobody. Batch knows, and whoever has
  submitted the job can ask.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterable
from functools import wraps
from typing import Any

from .. import times
from ..signals.threads import start_thread
from .patches import is_known

_LOOK_SECONDS = 5.0
# Steps whose gang goes on without a node that it has lost.
_GOING_ON: set[str] = set()


def set_right(decorators: Iterable[Any], going_on: str | None = None) -> None:
    """Set right what a step with ``@batch`` meets; does nothing for others.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    going_on : str, optional
        The step's name, if its gang goes on without a node that it has lost.
    """
    if going_on is not None:
        _GOING_ON.add(going_on)
    for deco in decorators:
        if deco.name == "batch":
            deco._wait_for_mapper_tasks = lambda flow, step_name: True
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
        if nodes < 2:
            return submit(job)
        command = worker_command(job.payload["containerOverrides"]["command"][-1], job._task_id)

        def put_command(params: dict[str, Any], **_: Any) -> None:
            for override in params["nodeOverrides"]["nodePropertyOverrides"][1:]:
                override["containerOverrides"]["command"][-1] = command

        client = job._client
        client.meta.events.register("provide-client-params.batch.SubmitJob", put_command)
        running = submit(job)
        if job.payload.get("parameters", {}).get("metaflow.step_name") not in _GOING_ON:
            start_thread(_watch, client, running.id, nodes, name="gangway-batch")
        return running

    BatchJob.execute = execute  # type: ignore[method-assign]


def _watch(client: Any, job: str, nodes: int) -> None:
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
                        why = failure(found[each])
                        print(f"gangway: {why}; the job is ended", file=sys.stderr, flush=True)
                        client.terminate_job(jobId=job, reason=why)
                        return


def failure(node: dict[str, Any]) -> str:
    """Say what Batch knows of a node that has failed, from its description."""
    container = node.get("container", {})
    parts = [container.get("reason"), node.get("statusReason")]
    if (status := container.get("exitCode")) is not None:
        parts.insert(0, f"exit code {status}")
    said = ", ".join(dict.fromkeys(part for part in parts if part))
    return f"node {node['jobId'].rpartition('#')[2]} failed" + (f": {said}" if said else "")
