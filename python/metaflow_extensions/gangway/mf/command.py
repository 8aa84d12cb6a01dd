"""The command line of the run, for what has to know the command before it runs."""

from __future__ import annotations

from metaflow._vendor import click


def arguments() -> list[str]:
    """The command and its options; none outside a command line."""
    context = click.get_current_context(silent=True)
    return list(getattr(context and context.find_root(), "saved_args", []))
