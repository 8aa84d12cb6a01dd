"""The command line of the run, for what has to know the command before it runs."""

from __future__ import annotations

import sys
from typing import Any

from metaflow import metaflow_config
from metaflow._vendor import click
from metaflow.system_context import system_context

# Their commands, and the names that people know.
SCHEDULERS = {
    "step-functions": "AWS Step Functions",
    "argo-workflows": "Argo Workflows",
    "airflow": "Airflow",
}


def arguments() -> list[str]:
    """Return the command and its options; none outside a command line."""
    context = click.get_current_context(silent=True)
    return list(getattr(context and context.find_root(), "saved_args", []))


def deploys_to() -> str:
    """Return the scheduler, as its command is named, that the command line deploys to, or ''."""
    name, *rest = arguments() or [""]
    return name if name in SCHEDULERS and "create" in rest and "--help" not in rest else ""


def starts_run() -> bool:
    """Return whether the command line starts a run, or deploys what will.

    A scheduler's tasks read the flow by other commands than ``step``: its parameters by ``init``.
    """
    return arguments()[:1] in (["run"], ["resume"]) or bool(deploys_to())


def package_suffixes() -> list[str]:
    """Return the suffixes of files that the command line asks for in the code package."""
    package: Any = system_context.package
    return list(package._suffixes or ())


def use_environment(kind: str) -> None:
    """Have a command line without ``--environment`` use one, unless Metaflow's settings name one.

    Metaflow refuses ``@conda`` without it, and could not be meant otherwise.
    """
    said = any(word.partition("=")[0] == "--environment" for word in sys.argv)
    if not said and metaflow_config.DEFAULT_ENVIRONMENT == "local":
        sys.argv.insert(1, f"--environment={kind}")
