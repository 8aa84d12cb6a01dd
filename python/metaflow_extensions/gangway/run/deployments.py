"""What R asks about deployed flows, in a process of its own: a request and an answer, both JSON.

R calls `main` with a file that has ``scheduler``, ``action``, and the action's own arguments.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..exceptions import DeploymentException
from ..mf import schedulers


def main(file: str) -> None:
    """Print the answer: ``value``, or ``problem``, a text, with ``absent`` if nothing is there."""
    with open(file, encoding="utf-8") as request:
        asked = json.load(request)
    action = ACTIONS[asked.pop("action")]
    try:
        said = {"value": action(schedulers.scheduler(asked.pop("scheduler")), **asked)}
    except AbsentException as error:
        said = {"problem": error.message, "absent": True}
    except Exception as error:  # of AWS, of Kubernetes, of the network
        said = {"problem": getattr(error, "message", None) or f"{type(error).__name__}: {error}"}
    print(json.dumps(said))


class AbsentException(DeploymentException):
    """There is no such deployment, or no such run."""


def _describe(at: Any, name: str) -> dict[str, Any]:
    known = at.describe(name)
    if known is None:
        raise AbsentException(f"No flow is deployed to {at.name} as {name}.")
    return dict(known)


def _list(at: Any, flow: str | None = None) -> list[dict[str, Any]]:
    found = [at.describe(name) for name in at.names()]
    return [one for one in found if one is not None and flow in (None, one["flow"])]


def _run(at: Any, name: str, run_id: str) -> dict[str, Any]:
    run = at.run(name, run_id)
    if run is None:
        raise AbsentException(f"{name} has no run {run_id} on {at.name}.")
    return dict(run)


def _trigger(at: Any, name: str, parameters: dict[str, str]) -> str:
    _describe(at, name)
    return str(at.trigger(name, parameters))


def _runs(at: Any, name: str, count: int) -> list[dict[str, Any]]:
    _describe(at, name)
    return [run for run, _ in zip(at.runs(name), range(count), strict=False)]


def _terminate(at: Any, name: str, run_id: str, authorize: str | None = None) -> bool:
    schedulers.authorize(_describe(at, name), authorize)
    if _run(at, name, run_id)["finished"] is not None:
        return False
    at.terminate(name, run_id)
    return True


def _delete(at: Any, name: str, authorize: str | None = None) -> None:
    schedulers.authorize(_describe(at, name), authorize)
    at.delete(name)


def _tell_of_failures(at: Any, name: str, topic: str | None = None) -> None:
    at.tell_of_failures(name, topic)


ACTIONS: dict[str, Callable[..., Any]] = {
    "describe": _describe,
    "list": _list,
    "run": _run,
    "runs": _runs,
    "trigger": _trigger,
    "terminate": _terminate,
    "delete": _delete,
    "tell_of_failures": _tell_of_failures,
}
