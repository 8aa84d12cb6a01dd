"""What a deployment needs, said before anything is uploaded.

Metaflow looks at most of it after it has uploaded the code, and at some when a task has failed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from metaflow.decorators import FlowDecorator

from ..exceptions import DeploymentException
from ..mf import command, flow_decorators


class DeploymentCheck(FlowDecorator):
    """Refuses a deployment that cannot succeed; does nothing for other commands."""

    name = "_gangway_deployment"

    def flow_init(
        self,
        flow: Any,
        graph: Any,
        environment: Any,
        flow_datastore: Any,
        metadata: Any,
        logger: Any,
        echo: Any,
        options: Any,
    ) -> None:
        """Look at the command line, the flow and Metaflow's settings.

        Raises
        ------
        DeploymentException
            With all that stands in the way.
        """
        scheduler = command.deploys_to()
        if not scheduler:
            return
        problems = [*_common(flow_datastore.TYPE)]
        if scheduler == "step-functions":
            problems += _step_functions(flow, graph)
        elif importlib.util.find_spec("kubernetes") is None:
            problems.append("The Python package kubernetes is missing: pip install kubernetes.")
        if problems:
            text = "".join(f"\n- {problem}" for problem in problems)
            where = command.SCHEDULERS[scheduler]
            raise DeploymentException(f"{flow.name} cannot be deployed to {where}:{text}")


def _common(datastore: str) -> Iterator[str]:
    if datastore == "local":
        yield (
            "The datastore is local, which no task there can reach: set "
            "METAFLOW_DEFAULT_DATASTORE=s3 and METAFLOW_DATASTORE_SYSROOT_S3."
        )


def _step_functions(flow: Any, graph: Any) -> Iterator[str]:
    from metaflow import metaflow_config as config

    used = flow._flow_decorators
    if not config.SFN_IAM_ROLE:
        yield "METAFLOW_SFN_IAM_ROLE is not set: the role of the state machine."
    if "schedule" in used and not config.EVENTS_SFN_ACCESS_IAM_ROLE:
        yield "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE is not set: the role of the schedule."
    split = next((x.name for x in graph if x.type == "foreach" and not x.parallel_foreach), None)
    if split and not config.SFN_DYNAMO_DB_TABLE:
        yield f"METAFLOW_SFN_DYNAMO_DB_TABLE is not set, which the foreach of step {split} needs."
    for name in ("trigger", "trigger_on_finish", "exit_hook"):
        if name in used:
            yield f"It has no events or hooks for @{name}: deploy to Argo, or leave it out."
    for node in graph:
        if node.type == "split-switch":
            yield f"It has nothing for the switch after step {node.name}: deploy to Argo."
        if node.parallel_foreach:
            yield f"It has no gangs, and step {node.name} starts one: deploy to Argo."


def check_deployment(flow_class: Any) -> None:
    """Have the deployment of a flow checked."""
    flow_decorators.add(flow_class, DeploymentCheck())
