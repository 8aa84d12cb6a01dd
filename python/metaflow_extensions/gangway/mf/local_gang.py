"""What a gang on one machine needs of Metaflow's local mode, which starts the workers itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metaflow.decorators import FlowDecorator
from metaflow.metaflow_current import current
from metaflow.mflog import TASK_LOG_SOURCE
from metaflow.plugins.parallel_decorator import _local_multinode_control_task_step_func

from ..exceptions import GangLostException


class _SamePython:
    """An environment that starts workers with this task's Python.

    Metaflow's own takes whatever ``python`` is on the PATH, which need not be the one of a virtual
    environment that nobody activated.
    """

    def executable(self, step_name: str) -> str:
        return sys.executable


class WorkersInEnvironment(FlowDecorator):
    """Has Metaflow's own ``@parallel`` start its workers in the environment of their step.

    In a conda environment it would start "$MF_ARCH/.../bin/python -s", which is for a remote task's
    shell. ``base_env`` is what it asks first.
    """

    name = "_gangway_workers"

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
        """Give the environment another one for workers."""
        if environment.TYPE != "local" and not hasattr(environment, "base_env"):
            environment.base_env = _SamePython()


def run_beside_workers(
    flow: Any, code: Callable[[], None], attempt: int, input_paths: Sequence[str], where: str
) -> None:
    """Start the worker tasks as children, run control's code, and wait for all.

    Parameters
    ----------
    flow : FlowSpec
        The flow.
    code : callable
        What control runs.
    attempt : int
        The task's attempt.
    input_paths : sequence of str
        The tasks of the step before.
    where : str
        The decorator, step and flow, for the message.
    """
    try:
        _local_multinode_control_task_step_func(
            flow, _SamePython(), code, attempt, ",".join(input_paths)
        )
    except Exception as error:
        if type(error) is Exception and str(error).startswith("Subprocess failed"):
            raise GangLostException(
                f"{where}: the step's code succeeded, but a worker's task did not end well after "
                "it; the log has its error."
            ) from error
        raise


def worker_task(node: int) -> str:
    """Return the id that Metaflow gives a worker's task."""
    return f"{current.task_id}_node_{node}"


def keep_output(flow_datastore: Any, attempt: int, node: int, streams: dict[str, Path]) -> None:
    """Keep what a worker has printed as its task's log."""
    store = flow_datastore.get_task_datastore(
        current.run_id, current.step_name, worker_task(node), attempt=attempt, mode="w"
    )
    store.save_logs(TASK_LOG_SOURCE, streams)
