"""What cannot work is refused before anything is uploaded or submitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from metaflow.metaflow_config import KUBERNETES_NAMESPACE
from metaflow.plugins.parallel_decorator import ParallelDecorator
from metaflow.system_context import system_context

from ..exceptions import GangAttributeException, GangRuntimeException
from ..mf import batch, command, kubernetes
from ..mf.node_ranges import NodeRange
from .groups import Groups


def check_command(where: str) -> None:
    """Refuse to deploy a gang to Step Functions, which know no multi-node jobs."""
    if command.deploys_to() == "step-functions":
        raise GangRuntimeException(
            f"{where}: AWS Step Functions cannot run steps with num_parallel. Run the flow with "
            "@batch, or deploy it with argo-workflows."
        )


def check_host_names(decorators: Iterable[Any], ranges: Sequence[NodeRange], where: str) -> None:
    """Refuse a gang on Kubernetes whose pods would have longer names than a host may.

    Metaflow calls control ``js-123456-control-0-0.js-123456.NAMESPACE.svc.cluster.local``, where
    Argo adds the attempt to both ``js-123456``, and Kubernetes leaves a pod waiting for ever that
    shall have more than 64 characters for its host.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    ranges : sequence of NodeRange
        What groups the nodes have, if any.
    where : str
        The decorator, step and flow, for the message.
    """
    attributes = next((d.attributes for d in decorators if d.name == "kubernetes"), None)
    if attributes is None:
        return
    namespace = attributes.get("namespace") or KUBERNETES_NAMESPACE
    retried = command.arguments()[:1] == ["argo-workflows"] and any(
        sum(deco.step_task_retry_count()) for deco in decorators
    )
    longest = (12 if retried else 14) - kubernetes.longer_names(ranges)
    if len(namespace) > longest:
        raise GangRuntimeException(
            f"{where}: the name of the Kubernetes namespace {namespace!r} is too long for a gang"
            f"{' with @retry' if retried else ''}: with more than {longest} characters the names "
            "of its pods' hosts get longer than 64, and Kubernetes does not start the pods. Choose "
            "another one by METAFLOW_KUBERNETES_NAMESPACE."
        )


def check_worker_loss(policy: str | None, decorators: Iterable[Any], where: str) -> None:
    """Refuse to go on without a worker on Kubernetes, where a JobSet ends with any of its pods.

    Parameters
    ----------
    policy : str, optional
        `on_worker_loss`, of decorators that have it.
    decorators : iterable
        All decorators of the step.
    where : str
        The decorator, step and flow, for the message.
    """
    if policy == "continue" and any(deco.name == "kubernetes" for deco in decorators):
        raise GangRuntimeException(
            f"{where}: on_worker_loss='continue' does nothing on Kubernetes, which ends all pods "
            "of a gang when one of them fails. Leave it out, and use @retry."
        )


def check_alone(decorators: Iterable[Any], where: str) -> None:
    """Refuse a step with two gangs: each would have the step's workers for its own.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    where : str
        The decorator, step and flow, for the message.
    """
    gangs = [f"@{deco.name}" for deco in decorators if isinstance(deco, ParallelDecorator)]
    if len(gangs) > 1:
        raise GangRuntimeException(
            f"{where}: the step has {' and '.join(gangs)}, and a step is of one gang. Keep one of "
            "them, or put the other's code into a step of its own."
        )


def check_said_once(
    groups: Groups, attributes: Mapping[str, Any], for_all_nodes: Mapping[str, str], where: str
) -> None:
    """Refuse an attribute for all nodes where groups say the same for theirs.

    Parameters
    ----------
    groups : Groups
        The groups.
    attributes : mapping
        The decorator's attributes.
    for_all_nodes : mapping
        Attributes for all nodes, and what groups call each.
    where : str
        The decorator, step and flow, for the message.
    """
    for attribute, key in for_all_nodes.items():
        said = next((g.name for g in groups.groups if key in g.resources), None)
        if said is not None and attributes[attribute] is not None:
            raise GangAttributeException(
                f"{where}: {attribute}={attributes[attribute]} is for all nodes, and the group "
                f"{said!r} has {key}= of its own. Leave {attribute}= out, and give each group "
                f"its {key}=."
            )


def check_num_parallel(groups: Groups | None, number: int | None, where: str) -> None:
    """Refuse groups whose nodes are more, or fewer, than those that the step has.

    Parameters
    ----------
    groups : Groups or None
        The groups, if any.
    number : int or None
        The step's `num_parallel`, if it is known yet.
    where : str
        The decorator, step and flow, for the message.
    """
    if groups is not None and number is not None and groups.num_nodes != number:
        raise GangAttributeException(
            f"{where}: the step before says num_parallel={number}, and the groups have "
            f"{groups.num_nodes}: {groups}. Say num_parallel={groups.num_nodes} there, or change "
            "nodes= of a group."
        )


def check_ranges(decorators: Iterable[Any], ranges: Sequence[NodeRange], where: str) -> None:
    """Refuse groups that AWS Batch does not take.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    ranges : sequence of NodeRange
        The groups' nodes.
    where : str
        The decorator, step and flow, for the message.
    """
    if not any(deco.name == "batch" for deco in decorators):
        return
    if len(ranges) > batch.MOST_RANGES:
        raise GangAttributeException(
            f"{where}: AWS Batch tells at most {batch.MOST_RANGES} groups of nodes apart, of which "
            f"the control task is one by itself, and here are {len(ranges)}. Put groups together, "
            "or let control be the only node of the first one."
        )
    for group, _, resources in ranges:
        if "disk" in resources:
            raise GangAttributeException(
                f"{where}: the group {group!r} has disk=, which AWS Batch does not know. Leave it "
                "out."
            )
        if resources.get("cpu", 1) != int(resources.get("cpu", 1)):
            raise GangAttributeException(
                f"{where}: the group {group!r} has cpu={resources['cpu']}, and nodes on AWS Batch "
                "have whole CPUs."
            )


def check_metadata(decorators: Iterable[Any], where: str) -> None:
    """Refuse a gang on Batch whose workers could not register their tasks anywhere.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    where : str
        The decorator, step and flow, for the message.
    """
    metadata = system_context.metadata
    on_batch = any(deco.name == "batch" for deco in decorators)
    if on_batch and metadata is not None and metadata.TYPE == "local":
        raise GangRuntimeException(
            f"{where}: a gang on AWS Batch needs Metaflow's metadata service, and this run uses "
            "local metadata. Set METAFLOW_DEFAULT_METADATA=service and METAFLOW_SERVICE_URL, or "
            "run without @batch."
        )
