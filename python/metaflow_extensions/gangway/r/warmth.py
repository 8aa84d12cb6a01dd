"""What tasks with R need to be forks of a process that has loaded it (the room ``warm``)."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

from metaflow import metaflow_git, metaflow_version

from ..signals.interrupt import no_r_evaluation

# A class that Metaflow puts into the flow's module.
_OF_METAFLOW = {"ForeachFrame"}


class Warmth:
    """Says which steps may start warm, and what of R is loaded before and made anew after a fork.

    Parameters
    ----------
    bundle : RBundle
        What flow.py calls.
    flow_class : type
        The flow.
    """

    def __init__(self, bundle: Any, flow_class: Any) -> None:
        self._bundle, self._flow_class = bundle, flow_class

    def is_plain(self, step: Any) -> bool:
        """Whether a step of a generated flow.py does no more than call R, and go on.

        Other Python code would run in a process with R loaded where it would have none, with R's
        locale for one.
        """
        module = vars(sys.modules[self._flow_class.__module__])
        names = set(step.__code__.co_names)
        steps = {
            name for name in names if hasattr(getattr(self._flow_class, name, None), "is_step")
        }
        bundles = {name for name in names if module.get(name) is self._bundle}
        return (
            names - steps - bundles <= {"call", "next"}
            # Decorators that run code of their own, in this Metaflow or another one.
            and not (getattr(step, "wrappers", True) or getattr(step, "config_decorators", True))
            and all(
                self._is_known(value)
                for name, value in module.items()
                if not name.startswith("__") and name not in _OF_METAFLOW
            )
        )

    def _is_known(self, value: Any) -> bool:
        """Whether a global of flow.py is Metaflow's, Python's, or gangway's."""
        value = value.func if isinstance(value, partial) else value  # a decorator
        top = str(getattr(value, "__module__", "")).partition(".")[0]
        return value is self._flow_class or top in ("builtins", "metaflow", "metaflow_extensions")

    def prepare(self) -> bool:
        """Load Metaflow's commands and R, and nothing of the user's."""
        from metaflow.parameters import flow_context

        # What a task's command imports; Metaflow gives it the options of the flow's configurations.
        with flow_context(self._flow_class):
            from metaflow import cli, task  # noqa: F401
            from metaflow.cli_components import step_cmd  # noqa: F401

        from . import python_step  # noqa: F401
        from .session import RSession

        # Git is asked once, and not by each task: 10 ms.
        metaflow_version.get_version()
        metaflow_git.get_repository_info(path=os.path.dirname(os.path.abspath(sys.argv[0])))

        with no_r_evaluation():
            return bool(RSession.current().is_plain_start())

    def renew(self) -> None:
        """Give a task's R what is a process's own."""
        from .session import RSession

        RSession.current().renew()

    def end(self) -> None:
        """End R, with its temporary folder."""
        from ..engine import embed

        embed.stop()
