"""Find and end the processes of a gang, whatever has become of their parents.

A node's processes share the session of its launcher, and an environment variable that names the
gang. Either alone misses some: a process may start a session of its own, and Ray's processes
overwrite their environment when they set their title.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

import psutil

from ... import times
from ...signals import descendants

MARK = "GANGWAY_GANG"
# A small Python process that takes nothing from the user's folder and environment.
ALONE = ("-I", "-S", *(["-B"] if sys.dont_write_bytecode else []))
LOG = "start.log"
_LAST_LINES = 6
# The longest socket of Ray adds 62 characters to the folder, and a socket's path ends at 107
# (103 on macOS).
_LONGEST_BASE = 20


def node_mark(gang: str, index: int) -> str:
    """Return what the processes of one node carry in their environment."""
    return f"{gang}.{index}"


def members(mark: str, sessions: Iterable[int] = ()) -> list[psutil.Process]:
    """List the live processes of a gang or node on this machine, but never the caller."""
    sessions = set(sessions)
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            marked = process.environ().get(MARK, "")
            ours = marked == mark or marked.startswith(mark + ".")
            if not ours and os.getsid(process.pid) not in sessions:
                continue
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def sessions_of(gang: str) -> set[int]:
    """Return the sessions of a gang's marked processes; its unmarked ones share them."""
    sessions = set()
    for process in members(gang):
        with contextlib.suppress(OSError):
            sessions.add(os.getsid(process.pid))
    return sessions - {os.getsid(0)}


def stop(
    mark: str,
    sessions: Iterable[int] = (),
    grace: float = times.STOP_GRACE,
    heeds: Callable[[psutil.Process], bool] = lambda process: True,
) -> bool:
    """End a gang's processes: SIGTERM, a short grace, SIGKILL until none is left.

    Parameters
    ----------
    mark : str
        A gang's name, or a node's mark.
    sessions : iterable of int
        Sessions whose processes belong to the gang as well.
    grace : float
        Seconds between the two signals.
    heeds : callable
        Whether a process is one that SIGTERM is of use to; others get SIGKILL alone.

    Returns
    -------
    bool
        Whether none is left.
    """
    sessions = set(sessions)
    left = members(mark, sessions)
    if heeding := [process for process in left if _answer(heeds, process)]:
        descendants.send(heeding, signal.SIGTERM)
        _wait_gone(heeding, grace)
        left = members(mark, sessions)
    deadline = time.monotonic() + times.STOP_KILL
    while left:
        if time.monotonic() > deadline:
            return False
        descendants.send(left, signal.SIGKILL)
        _wait_gone(left, 0.2)
        left = members(mark, sessions)
    return True


def _answer(question: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return question(process)
    return False


def _wait_gone(processes: list[psutil.Process], seconds: float) -> None:
    # Looks only: reaping is left to whoever started the process.
    deadline = time.monotonic() + seconds
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)


def is_alive(process: psutil.Process) -> bool:
    """Whether a process still does something."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def make_folder(mark: str) -> str:
    """Make a node's own temporary folder, with a path short enough for unix sockets."""
    base = tempfile.gettempdir()
    if len(base) > _LONGEST_BASE:
        base = "/tmp"
    return tempfile.mkdtemp(prefix=f"gw-{mark}-", dir=base)


def last_words(folder: str) -> str:
    """Give the last lines of a node's log."""
    with contextlib.suppress(OSError), open(os.path.join(folder, LOG), errors="replace") as log:
        lines = [line.strip().partition(" -- ")[2] or line.strip() for line in log]
        return "\n    ".join([line for line in lines if line][-_LAST_LINES:])
    return "no log"


def remove_folder(folder: str) -> None:
    """Remove a node's folder, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_folders(mark: str) -> None:
    """Remove the folders of a node, or of all of a gang's nodes on this machine."""
    for base in {tempfile.gettempdir(), "/tmp"}:
        for ending in (".*", "-*"):
            for folder in glob.glob(os.path.join(glob.escape(base), f"gw-{mark}{ending}")):
                remove_folder(folder)


def stop_everywhere(gang: str) -> None:
    """End every node of a gang on this machine and remove their folders."""
    stop(gang, sessions_of(gang), grace=0)
    remove_folders(gang)
