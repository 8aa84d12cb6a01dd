"""A control task whose process ends with status 0 before its code has ended has failed.

`os._exit(0)`, R's `base::quit()` and C code that calls `exit()` end a process without a word.
Metaflow takes the status for success, then misses the task's artifacts, and ends the run without a
reason or another attempt. The run's process is the only one left to look.
"""

from __future__ import annotations

from typing import Any

from metaflow.datastore.exceptions import DataException
from metaflow.unbounded_foreach import UBF_CONTROL

from .patches import is_known

_steps: dict[str, str] = {}


def fail_premature_exits(step: str, where: str) -> None:
    """In the run's process: let a step's control tasks that exit prematurely count as failed.

    Parameters
    ----------
    step : str
        The step.
    where : str
        The decorator, step and flow, for the message.
    """
    if not _steps:
        from metaflow import runtime  # imports all plugins, this one too

        _patch(runtime.Worker)
    _steps[step] = where.replace("*", "")  # which marks words in messages of exceptions


def _patch(worker: Any) -> None:
    without = "A control task that calls os._exit(0) ends its run without a reason."
    if not is_known(worker, "terminate", ["self"], without):
        return
    terminate = worker.terminate

    def fail_and_terminate(self: Any) -> Any:
        if self._proc.wait() == 0 and _exited_prematurely(self.task):
            self.emit_log(_message(self.task), self._stderr)
            self._proc.returncode = 1
        return terminate(self)

    worker.terminate = fail_and_terminate


def _exited_prematurely(task: Any) -> bool:
    if task.step not in _steps or task.ubf_context != UBF_CONTROL or task.is_cloned:
        return False
    try:
        return task.results is None
    except DataException:  # no attempt of it has been completed
        return True


def _message(task: Any) -> bytes:
    return (
        f"{_steps[task.step]}: the process of node 0 (control) ended with status 0 before its code "
        "had ended. Something called os._exit(0), R's base::quit(), or exit() in C. Leave with "
        "return, or raise an error."
    ).encode()
