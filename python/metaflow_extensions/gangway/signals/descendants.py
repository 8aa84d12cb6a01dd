"""The processes that a process has started: what Ctrl-C at a terminal would reach beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def in_session(since: float = 0.0) -> list[psutil.Process]:
    """List the living processes that this one has started, and they, in its own session.

    A gang's own processes live in other sessions, and their tasks take them down.

    Parameters
    ----------
    since : float
        Only those that were started after this moment (`now`).
    """
    import psutil  # not with this module, which all tasks import: it takes 15 ms

    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == os.getsid(0) and _started(process.pid) >= since:
                found.append(process)
    return found


def send(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to those that are still there."""
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def interrupt() -> None:
    """Send SIGINT to all that this process has started, as the terminal does."""
    send(in_session(), signal.SIGINT)


def now() -> float:
    """Return the moment that `in_session` compares starts with."""
    if sys.platform == "linux":
        # A start is told in hundredths of a second since the machine's.
        return time.clock_gettime(time.CLOCK_BOOTTIME) - 0.01
    return time.time()


def _started(pid: int) -> float:
    if sys.platform == "linux":
        # psutil's create_time() may be wrong by a second.
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    import psutil

    return float(psutil.Process(pid).create_time())
