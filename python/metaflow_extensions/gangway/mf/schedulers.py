"""What is deployed on Step Functions and on Argo, and the runs that it starts.

Metaflow's own `DeployedFlow` starts a process for each call, writes a flow for it, and finds
nothing by its name on Step Functions; so its two classes for the schedulers are called here.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from hashlib import sha1
from typing import Any, ClassVar

from ..exceptions import DeploymentException


def scheduler(name: str) -> StepFunctions | Argo:
    """Return what talks to a scheduler: ``step-functions`` or ``argo-workflows``."""
    return StepFunctions() if name == "step-functions" else Argo()


def authorize(known: dict[str, Any], token: str | None) -> None:
    """Check that a user may end or delete what somebody has deployed, as Metaflow's command does.

    Parameters
    ----------
    known : dict
        What `describe` gives.
    token : str, optional
        The production token; by default the one that this user has used before.

    Raises
    ------
    DeploymentException
        Another user has deployed it, and the token is not its own.
    """
    from metaflow.plugins.aws.step_functions.production_token import load_token
    from metaflow.util import get_username

    token = token.removeprefix("production:") if token else load_token(_token_prefix(known))
    if known["owner"] != get_username() and token != known["token"]:
        raise DeploymentException(
            f"{known['name']} was deployed by {known['owner']}. Ask for its production token, and "
            "give it as `authorize`."
        )


def _token_prefix(known: dict[str, Any]) -> str:
    project = known["project"]
    if not project:
        return str(known["name"]).lower()
    digest = sha1(project.encode()).digest()  # noqa: S324  # Metaflow's name of a file
    return f"mfprj-{base64.b32encode(digest).decode()[:16]}".lower()


class StepFunctions:
    """State machines, of which Metaflow's have their names and owners in the first state."""

    name = "AWS Step Functions"
    _STATES: ClassVar = {"SUCCEEDED": "ok", "RUNNING": "running", "ABORTED": "aborted"}

    def __init__(self) -> None:
        from metaflow.plugins.aws.step_functions.step_functions import StepFunctions
        from metaflow.plugins.aws.step_functions.step_functions_client import StepFunctionsClient

        self._flows = StepFunctions
        self._client = StepFunctionsClient()

    def describe(self, name: str) -> dict[str, Any] | None:
        """Tell what is deployed under a name; None if nothing is, or nothing of Metaflow's."""
        machine = self._client.get(name)
        with contextlib.suppress(KeyError, TypeError):
            definition = json.loads(machine["definition"])
            start = definition["States"][definition["StartAt"]]["Parameters"]
            about = start["Parameters"]
            variables = start["ContainerOverrides"]["Environment"]
            env = {x["Name"]: x.get("Value") for x in variables}
            flow = about["metaflow.flow_name"]
            project, _, last = name.rpartition(".")
            return {
                "name": name,
                "flow": flow,
                "project": project if last == flow else None,
                "owner": about["metaflow.owner"],
                "token": about["metaflow.production_token"],
                "parameters": [*json.loads(env.get("METAFLOW_DEFAULT_PARAMETERS") or "{}")],
                "schedule": _schedule(name),
                "on_failure": _topic(name),
            }
        return None

    def names(self) -> Iterator[str]:
        """Go over the names of all state machines, also those that are not Metaflow's."""
        for page in self._client._client.get_paginator("list_state_machines").paginate():
            yield from (machine["name"] for machine in page["stateMachines"])

    def trigger(self, name: str, parameters: dict[str, str]) -> str:
        """Start a run; give its id."""
        started = self._flows.trigger(name, parameters)
        return f"sfn-{started['executionArn'].rpartition(':')[2]}"

    def runs(self, name: str) -> Iterator[dict[str, Any]]:
        """Go over the runs, the newest first."""
        for one in self._flows.list(name, []):
            yield self._run(one)

    def run(self, name: str, run_id: str) -> dict[str, Any] | None:
        """Tell how a run is; None if there is none."""
        execution = self._execution(name, run_id)
        return self._run(execution) if execution else None

    def terminate(self, name: str, run_id: str) -> None:
        """End a run."""
        execution = self._execution(name, run_id)
        if execution:
            self._client.terminate_execution(execution["executionArn"])

    def delete(self, name: str) -> None:
        """Delete the state machine, its schedule and its alarm."""
        _remove_alarm(name)
        self._flows.delete(name)

    def tell_of_failures(self, name: str, topic: str | None) -> None:
        """Have a topic of SNS told of each run that does not succeed; None takes that back."""
        _remove_alarm(name)
        if topic is None:
            return
        states = ["FAILED", "TIMED_OUT", "ABORTED"]
        machine = self._client.get_state_machine_arn(name)
        pattern = {
            "source": ["aws.states"],
            "detail-type": ["Step Functions Execution Status Change"],
            "detail": {"status": states, "stateMachineArn": [machine]},
        }
        events, rule = _events(), _alarm(name)
        about = f"Runs of {name} that do not succeed"
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern), Description=about)
        events.put_targets(Rule=rule, Targets=[{"Id": "topic", "Arn": topic}])

    def _execution(self, name: str, run_id: str) -> dict[str, Any] | None:
        client = self._client._client
        machine = str(self._client.get_state_machine_arn(name))
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{run_id.removeprefix('sfn-')}"
        with contextlib.suppress(client.exceptions.ExecutionDoesNotExist):
            return dict(client.describe_execution(executionArn=arn))
        return None

    def _run(self, execution: dict[str, Any]) -> dict[str, Any]:
        ended = execution.get("stopDate")
        return {
            "run_id": f"sfn-{execution['name']}",
            "status": self._STATES.get(execution["status"], "failed"),
            "started": execution["startDate"].timestamp(),
            "finished": ended.timestamp() if ended else None,
        }


def _events() -> Any:
    from metaflow.plugins.aws.aws_client import get_aws_client

    return get_aws_client("events")


def _rule(name: str) -> str:
    from metaflow.plugins.aws.step_functions.event_bridge_client import EventBridgeClient

    return str(EventBridgeClient(name).name)  # no longer than a rule's may be


def _alarm(name: str) -> str:
    return _rule(f"{name}-failed")


def _schedule(name: str) -> str | None:
    events = _events()
    with contextlib.suppress(events.exceptions.ResourceNotFoundException):
        rule = events.describe_rule(Name=_rule(name))
        return str(rule["ScheduleExpression"]) if rule["State"] == "ENABLED" else None
    return None


def _topic(name: str) -> str | None:
    events = _events()
    with contextlib.suppress(events.exceptions.ResourceNotFoundException):
        return str(events.list_targets_by_rule(Rule=_alarm(name))["Targets"][0]["Arn"])
    return None


def _remove_alarm(name: str) -> None:
    events, rule = _events(), _alarm(name)
    with contextlib.suppress(events.exceptions.ResourceNotFoundException):
        events.remove_targets(Rule=rule, Ids=["topic"])
        events.delete_rule(Name=rule)


class Argo:
    """Workflow templates, which have what Metaflow knows of them as annotations."""

    name = "Argo Workflows"
    _PHASES: ClassVar = {
        "Succeeded": "ok",
        "Failed": "failed",
        "Error": "failed",
        "Running": "running",
    }

    def __init__(self) -> None:
        from metaflow.metaflow_config import KUBERNETES_NAMESPACE
        from metaflow.plugins.argo.argo_client import ArgoClient
        from metaflow.plugins.argo.argo_workflows import ArgoWorkflows

        self._flows = ArgoWorkflows
        self._client = ArgoClient(namespace=KUBERNETES_NAMESPACE)

    def describe(self, name: str) -> dict[str, Any] | None:
        """Tell what is deployed under a name; None if nothing is, or nothing of Metaflow's."""
        template = self._client.get_workflow_template(_argo_name(name))
        return _describe_template(template) if template else None

    def names(self) -> Iterator[str]:
        """Go over the names of all workflow templates, also those that are not Metaflow's."""
        yield from self._flows.list_templates(None, all=True)

    def trigger(self, name: str, parameters: dict[str, str]) -> str:
        """Start a run; give its id."""
        started = self._flows.trigger(name, parameters)
        return f"argo-{started['metadata']['name']}"

    def runs(self, name: str) -> Iterator[dict[str, Any]]:
        """Go over the runs that the cluster still has, the newest first."""
        client = self._client
        api = client._client.get().CustomObjectsApi()
        found = api.list_namespaced_custom_object(
            group=client._group,
            version=client._version,
            namespace=client._namespace,
            plural="workflows",
        )
        ours = [w for w in found.get("items", []) if _template_of(w) == name]
        ours.sort(key=lambda one: str(one["metadata"].get("creationTimestamp")), reverse=True)
        yield from map(self._run, ours)

    def run(self, name: str, run_id: str) -> dict[str, Any] | None:
        """Tell how a run is; None if there is none."""
        workflow = self._client.get_workflow(run_id.removeprefix("argo-"))
        return self._run(workflow) if workflow and _template_of(workflow) == name else None

    def terminate(self, name: str, run_id: str) -> None:
        """End a run."""
        client = self._client
        # Metaflow's own method expects a status, which a run has not that is about to start.
        client._client.get().CustomObjectsApi().patch_namespaced_custom_object(
            group=client._group,
            version=client._version,
            namespace=client._namespace,
            plural="workflows",
            name=run_id.removeprefix("argo-"),
            body={"spec": {"shutdown": "Terminate"}},
        )

    def delete(self, name: str) -> None:
        """Delete the workflow template, its schedule and its sensor."""
        self._flows.delete(name)

    def _run(self, workflow: dict[str, Any]) -> dict[str, Any]:
        about, status = workflow["metadata"], workflow.get("status") or {}
        state = self._PHASES.get(str(status.get("phase")), "pending")
        ended = status.get("finishedAt")
        if ended and state == "failed" and (workflow.get("spec") or {}).get("shutdown"):
            state = "aborted"
        started = status.get("startedAt") or about.get("creationTimestamp")
        return {
            "run_id": f"argo-{about['name']}",
            "status": state,
            "started": _seconds(started),
            "finished": _seconds(ended),
        }


def _describe_template(template: dict[str, Any]) -> dict[str, Any] | None:
    notes = template["metadata"].get("annotations") or {}
    if "metaflow/flow_name" not in notes:
        return None
    cron = json.loads(notes.get("metaflow/cron") or "{}")
    parameters = json.loads(notes.get("metaflow/parameters") or "{}")
    triggers = json.loads(notes.get("metaflow/triggers") or "[]")
    return {
        "name": template["metadata"]["name"],
        "flow": notes["metaflow/flow_name"],
        "project": ".".join(project) if (project := _project(notes)) else None,
        "owner": notes.get("metaflow/owner"),
        "token": notes.get("metaflow/production_token"),
        "parameters": [one["name"] for one in parameters.values()],
        "schedule": cron.get("schedule"),
        "triggers": [one["name"] for one in triggers],
    }


def _project(notes: dict[str, str]) -> list[str]:
    named = [notes.get(f"metaflow/{part}") for part in ("project_name", "branch_name")]
    return [part for part in named if part]


def _argo_name(name: str) -> str:
    """Return the name as Kubernetes has it, of a flow's name too."""
    from metaflow.plugins.argo.argo_workflows_cli import sanitize_for_argo

    return str(sanitize_for_argo(name))


def _template_of(workflow: dict[str, Any]) -> str | None:
    spec = workflow.get("spec") or {}
    return (spec.get("workflowTemplateRef") or {}).get("name")


def _seconds(text: str | None) -> float | None:
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None
