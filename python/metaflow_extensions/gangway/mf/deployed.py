"""Let parameters and tags of deployed R flows arrive as they were given.

In the container, `run.export_parameters` reads the parameters.

Metaflow has no hook for the command that a scheduler runs, so the methods that make it are wrapped,
in the process that deploys an R flow and nowhere else.
"""

from __future__ import annotations

import functools
import importlib
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from ..exceptions import DeploymentException

_PLUGINS = "metaflow.plugins"
# By command: the class and its method that makes what is deployed, and what the shell runs there.
_DEPLOYED = {
    "step-functions": (
        f"{_PLUGINS}.aws.step_functions.step_functions:StepFunctions._step_cli",
        f"{_PLUGINS}.aws.step_functions.set_batch_environment parameters",
    ),
    "airflow": (
        f"{_PLUGINS}.airflow.airflow:Airflow._step_cli",
        f"{_PLUGINS}.airflow.plumbing.set_parameters",
    ),
    "argo-workflows": (
        f"{_PLUGINS}.argo.argo_workflows:ArgoWorkflows._compile_workflow_template",
        f"{_PLUGINS}.argo.set_parameters",
    ),
}


def enable(arguments: Sequence[str], module: str) -> None:
    """Wrap the method of the scheduler that the command line of a flow names.

    Parameters
    ----------
    arguments : sequence of str
        The command line.
    module : str
        The module that the first step runs for the one of Metaflow's.
    """
    for scheduler in set(arguments) & set(_DEPLOYED):
        place, theirs = _DEPLOYED[scheduler]
        home, _, names = place.partition(":")
        name, method = names.split(".")
        try:
            owner = getattr(importlib.import_module(home), name)
        except ImportError:
            continue  # Metaflow says what is missing
        ours = f"{module} {scheduler.partition('-workflows')[0]}"
        setattr(owner, method, _replacing(getattr(owner, method), theirs, ours))
        owner.__init__ = _quoting(owner.__init__, templates=scheduler != "step-functions")


def _replacing(make: Callable[..., Any], theirs: str, ours: str) -> Callable[..., Any]:
    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:
        return _replaced(make(*args, **kwargs), theirs, ours)

    return made


class _Word(str):
    """A text that is one word where a command is made of it by ``%s``, and else what it is."""

    def __str__(self) -> str:
        # Metaflow has the command read by shlex once more, between double quotes.
        return shlex.quote(self).replace("\\", "\\\\").replace('"', '\\"')


def _quoting(init: Callable[..., None], templates: bool) -> Callable[..., None]:
    """Have the tags and the namespace quoted, which Metaflow's commands have as they are."""

    def word(text: str) -> _Word:
        if templates and "{{" in text:
            raise DeploymentException(
                f"The tag or namespace {text!r} cannot be deployed: the scheduler would fill in "
                "what stands between {{ and }}. Choose another one."
            )
        return _Word(text)

    @functools.wraps(init)
    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        tags, namespace = kwargs.get("tags"), kwargs.get("namespace")
        if tags:
            kwargs["tags"] = [word(tag) for tag in tags]
        if namespace is not None:
            kwargs["namespace"] = word(namespace)
        init(self, *args, **kwargs)

    return made


def _replaced(what: Any, theirs: str, ours: str) -> Any:
    """Return a command, or a template (`payload`) or part of it that holds commands, with ours."""
    if isinstance(what, str):
        return what.replace(theirs, ours)
    if isinstance(what, dict):
        for key in what:
            what[key] = _replaced(what[key], theirs, ours)
    elif isinstance(what, list):
        what[:] = [_replaced(part, theirs, ours) for part in what]
    elif hasattr(what, "payload"):
        _replaced(what.payload, theirs, ours)
    return what
