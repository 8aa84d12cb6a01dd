"""What cannot work is refused before anything is uploaded or submitted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from metaflow.metaflow_config import KUBERNETES_NAMESPACE
from metaflow.plugins.parallel_decorator import ParallelDecorator
from metaflow.system_context import system_context

from ..exceptions import GangRuntimeException
from ..mf import command


def check_command(where: str) -> None:
    """Refuse to deploy a gang to Step Functions, which know no multi-node jobs."""
    if command.deploys_to() == "step-functions":
        raise GangRuntimeException(
            f"{where}: AWS Step Functions cannot run steps with num_parallel. Run the flow with "
            "@batch, or deploy it with argo-workflows."
        )


def check_host_names(decorators: Iterable[Any], where: str) -> None:
    """Refuse a gang on Kubernetes whose pods would have longer names than a host may.

    Metaflow calls control ``js-123456-control-0-0.js-123456.NAMESPACE.svc.cluster.local``, where
    Argo adds the attempt to both ``js-123456``, and Kubernetes leaves a pod waiting for ever that
    shall have more than 64 characters for its host.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
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
    longest = 12 if retried else 14
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
