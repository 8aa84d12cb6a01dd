"""The command line of the run, for what has to know the command before it runs."""

from __future__ import annotations

import sys
from typing import Any

from metaflow import metaflow_config
from metaflow._vendor import click
from metaflow.system_context import system_context


def arguments() -> list[str]:
    """Return the command and its options; none outside a command line."""
    context = click.get_current_context(silent=True)
    return list(getattr(context and context.find_root(), "saved_args", []))


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
