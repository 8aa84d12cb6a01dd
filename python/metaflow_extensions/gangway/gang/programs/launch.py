"""A command that a task runs on its node: live output, its end, and nothing left behind it.

Example: ``Launch("a1b2.0", 0, ["hostname"]).run()`` prints ``[node 0] ...`` and returns 0.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from ... import times
from ..machine import processes
from ..output.output import Output, RankOf

# The supervisor finds this package and psutil where the task found them, and nothing in the working
# folder, which is the user's.
_SUPERVISOR = str(Path(__file__).with_name("supervisor.py").resolve())
_PATH = os.pathsep.join(
    [str(Path(__file__).resolve().parents[4]), str(Path(psutil.__file__).resolve().parents[1])]
)

_numbers = itertools.count()


class Launch:
    """A command, started at once, in a session of its own.

    Parameters
    ----------
    mark : str
        The node's mark (`processes.node_mark`).
    node : int
        The node's index, which each line of output is shown with.
    command : sequence of str
        The program and its arguments.
    environment : mapping, optional
        Variables beside those of this process.
    cwd : str, optional
        The working folder.
    rank_of : callable, optional
        Splits a line of output into rank and text.

    Attributes
    ----------
    output : Output
        What it has printed.
    """

    def __init__(
        self,
        mark: str,
        node: int,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        cwd: str | None = None,
        rank_of: RankOf | None = None,
    ) -> None:
        self._mark = f"{mark}.{next(_numbers)}"
        self._lock = threading.Lock()
        self.output = Output(node, rank_of)
        self._process = subprocess.Popen(
            [sys.executable, *processes.ALONE, _SUPERVISOR, self._mark, _PATH, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=cwd,
            env={**os.environ, **(environment or {}), processes.MARK: self._mark},
            start_new_session=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self.output.follow(self._process.stdout, sys.stdout)
        self.output.follow(self._process.stderr, sys.stderr)

    def run(self) -> int:
        """Wait for the end, however it comes, and leave nothing; return the exit status."""
        try:
            return self.wait()
        finally:
            self.stop()

    def wait(self) -> int:
        """Wait until the command and its output have ended; return its exit status."""
        status = self._process.wait()
        if status < 0:  # the supervisor itself was killed
            processes.stop(self._mark, [self._process.pid])
        self.output.join(times.DRAIN)
        return status

    def stop(self) -> None:
        """End what still runs; may be called twice and from any thread."""
        with self._lock:
            stdin = self._process.stdin
            if stdin is None or stdin.closed:
                return
            if self._process.poll() is None:
                processes.stop(self._mark, [self._process.pid])
                self._process.wait()
            self.output.join(times.DRAIN)
            stdin.close()


def killed_by(status: int) -> str | None:
    """Return the name of the signal that an exit status stands for, if it does."""
    number = -status if status < 0 else status - 128
    return signal.Signals(number).name if number in signal.valid_signals() else None


def how_it_ended(status: int) -> str:
    """Say in words what an exit status means."""
    if name := killed_by(status):
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"was killed by {name}{hint}"
    return f"ended with status {status}"
