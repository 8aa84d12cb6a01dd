"""A task whose process a signal has ended says so.

Metaflow's log has "Task failed." of it, and a word of its own for a segmentation fault alone. The
run's process is the only one left to tell: what ends a task most often is the kernel, when memory
runs out, and then by SIGKILL.
"""

from __future__ import annotations

import signal
from typing import Any

from .patches import is_known

_done: set[bool] = set()


def tell_killed_tasks() -> None:
    """In the run's process: have the log, and what a run reports, name the signal."""
    from metaflow import runtime  # imports all plugins, this one too

    if not _done:
        _done.add(True)
        _patch(runtime.Worker)


def _patch(worker: Any) -> None:
    without = "The log does not say which signal has killed a task."
    if not is_known(worker, "terminate", ["self"], without):
        return
    terminate = worker.terminate

    def tell_and_terminate(self: Any) -> Any:
        status = self._proc.wait()
        if status < 0 and not self.killed and status != -signal.SIGSEGV:
            self.emit_log(_message(-status).encode(), self._stderr)
        return terminate(self)

    worker.terminate = tell_and_terminate


def _message(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    said = f"[gangway] The process of this task was killed by {name}."
    if number != signal.SIGKILL:
        return said
    return (
        f"{said} Unless somebody did that, the system has run out of memory: let the step hold "
        "less at a time, let fewer tasks run at once (--max-workers), or use a larger machine."
    )
