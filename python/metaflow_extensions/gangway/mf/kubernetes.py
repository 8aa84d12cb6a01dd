"""Replicated jobs of a JobSet for groups of nodes.

Metaflow makes a JobSet of two replicated jobs, ``control`` and ``worker``, whose pods are all
alike, and looks for those names again while it waits. So the first group of workers stays
``worker``, and the others are ``worker2`` and so on, with the group's name as a label of their
pods. The pods of a job count themselves from 0, and Metaflow makes each task's id and index of that
number.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import wraps
from typing import Any

from metaflow._vendor import yaml

from .node_ranges import NodeRange
from .patches import is_known

LABEL = "gangway/group"
# The groups of each step that has some.
_ranges: dict[str, Sequence[NodeRange]] = {}


def set_right(decorators: Iterable[Any], step_name: str, ranges: Sequence[NodeRange]) -> None:
    """Have a step's JobSet made with its groups; does nothing for steps without ``@kubernetes``.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    step_name : str
        The step.
    ranges : sequence of NodeRange
        What groups its nodes have, if any.
    """
    if ranges and any(deco.name == "kubernetes" for deco in decorators):
        from metaflow.plugins.kubernetes import kubernetes_jobsets as jobsets

        _ranges[step_name] = ranges
        for owner in (jobsets.KubernetesJobSet, jobsets.KubernetesArgoJobSet):
            _wrap_dump(owner)


def longer_names(ranges: Sequence[NodeRange]) -> int:
    """By how many characters the longest host's name is longer than control's."""
    pods = [f"{_job(i)}-{len(each.nodes) - 1}" for i, each in enumerate(ranges)]
    return max(len(pod) - len("control-0") for pod in ["control-0", *pods])


def _job(number: int) -> str:
    """Return the name of the replicated job of a range."""
    return {0: "control", 1: "worker"}.get(number, f"worker{number}")


def _wrap_dump(owner: Any) -> None:
    without = "Groups of a gang on Kubernetes do not get resources of their own."
    if hasattr(owner.dump, "__wrapped__") or not is_known(owner, "dump", ["self"], without):
        return
    dump = owner.dump

    @wraps(dump)
    def dump_with_groups(jobset: Any) -> Any:
        ranges = _ranges.get(jobset._annotations.get("metaflow/step_name"))
        if ranges is None:
            return dump(jobset)
        control, *workers = _specs(jobset, ranges)
        jobset = copy.copy(jobset)
        jobset._control_spec = control
        if workers:
            jobset._worker_spec = workers[0]
        made = dump(jobset)
        more = [spec.dump() for spec in workers[1:]]
        if not more:
            return made
        if isinstance(made, str):  # Argo's template is text
            told = yaml.safe_load(made)
            told["spec"]["replicatedJobs"] += more
            return yaml.dump(told, default_flow_style=False, indent=2)
        made["spec"]["replicatedJobs"] += more
        return made

    owner.dump = dump_with_groups


def _specs(jobset: Any, ranges: Sequence[NodeRange]) -> list[Any]:
    specs = []
    for number, each in enumerate(ranges):
        spec = copy.copy(jobset.worker if number else jobset.control)
        spec.name = _job(number)
        spec._kwargs = {
            **spec._kwargs,
            **properties(each),
            "labels": {**spec._kwargs.get("labels", {}), LABEL: each.group},
            "replicas": len(each.nodes),
            "command": command(spec._kwargs["command"], each.nodes[0] - 1 if number else 0),
        }
        specs.append(spec)
    return specs


def properties(each: NodeRange) -> dict[str, Any]:
    """Give what a range's pods ask for, as Metaflow's `JobSetSpec` takes it."""
    asked = each.resources
    found: dict[str, Any] = {k: str(asked[k]) for k in ("cpu", "memory", "disk") if k in asked}
    if "shared_memory" in asked:
        found["shared_memory"] = asked["shared_memory"]
    if "gpu" in asked:
        found["gpu"] = str(asked["gpu"]) if asked["gpu"] else None
    return found


def command(words: Sequence[str], before: int) -> list[str]:
    """Give a pod's command, where so many workers come before the first of its job."""
    if not before:
        return list(words)
    shift = (
        f"export MF_WORKER_REPLICA_INDEX=$((MF_WORKER_REPLICA_INDEX + {before})); "
        "export TASK_ID_SUFFIX=$MF_WORKER_REPLICA_INDEX; "
    )
    return [*words[:-1], shift + words[-1]]
