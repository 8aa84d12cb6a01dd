"""The worker tasks that Metaflow's local mode starts as children of the control task."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection

import psutil

from .. import times
from .link.names import node_name

# How long a process that has started may have no command line yet.
_FIND_SECONDS = 1.0


class LocalWorkers:
    """Watches worker tasks without reaping them: Metaflow waits for them itself.

    Children that exist when the object is made are none.
    """

    def __init__(self) -> None:
        self._earlier = {child.pid for child in psutil.Process().children()}
        self._workers: dict[int, int] = {}

    def find(self, expected: int, seconds: float = _FIND_SECONDS) -> None:
        """Find the worker tasks, once Metaflow has started them.

        A process has no command line yet for a moment after its start, so this looks again.
        """
        deadline = time.monotonic() + seconds
        self._look()
        while len(self._workers) < expected and time.monotonic() < deadline:
            time.sleep(0.005)
            self._look()

    def _look(self) -> None:
        for child in psutil.Process().children():
            if child.pid in self._earlier:
                continue
            with contextlib.suppress(psutil.Error, ValueError):
                self._workers[child.pid] = int(_option(child.cmdline(), "--split-index"))

    def failures(self) -> dict[int, str]:
        """Name the nodes whose worker tasks are gone, and say how they ended."""
        ended = ((index, _ended(pid)) for pid, index in list(self._workers.items()))
        said = "the task of {} {}; the log has its last words above"
        return {index: said.format(node_name(index), how) for index, how in ended if how}

    def stop(self, nodes: Collection[int] | None = None, seconds: float = times.TASKS_END) -> None:
        """Let the worker tasks end, kill what does not, and reap all; or those of some nodes."""
        deadline = time.monotonic() + seconds
        for pid, index in list(self._workers.items()):
            if nodes is not None and index not in nodes:
                continue
            while not _ended(pid) and time.monotonic() < deadline:
                time.sleep(0.01)
            with contextlib.suppress(OSError):
                if not _ended(pid):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
            self._workers.pop(pid, None)


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def _ended(pid: int) -> str | None:
    """How a child ended, without reaping it; None while it lives."""
    try:
        state = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return "ended"
    if state is None:
        return None
    if state.si_code == os.CLD_EXITED:
        return f"ended with status {state.si_status}"
    return f"was killed by {signal.Signals(state.si_status).name}"
