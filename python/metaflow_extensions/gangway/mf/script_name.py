"""Has Metaflow's command line name the R script that a user has started, and not flow.py."""

from __future__ import annotations

import functools
import inspect
import shlex
from types import SimpleNamespace
from typing import Any

from metaflow.parameters import flow_context


def name_script(script: str, flow_class: Any) -> None:
    """Let Metaflow's messages tell how the flow is started.

    Parameters
    ----------
    script : str
        The script's path, as it was given to Rscript.
    flow_class : type
        The flow.
    """
    # When it is imported, Metaflow's command line learns of the flow's configurations.
    with flow_context(flow_class):
        from metaflow import cli

    command = f"Rscript {shlex.quote(script)}"

    class File(str):  # pylint gets the path, and a message what is to be typed
        def __format__(self, spec: str) -> str:
            return command

    def getfile(of: Any) -> str:
        return File(inspect.getfile(of))

    cli.inspect = SimpleNamespace(getfile=getfile)  # type: ignore[assignment]
    cli.start.main = functools.partial(cli.start.main, prog_name=command)
