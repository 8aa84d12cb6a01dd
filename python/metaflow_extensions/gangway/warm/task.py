"""The first steps of a task that the server has forked."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence

_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
_FIRST_RANDOM_NUMBER = 1804289383  # of glibc's rand(), if nobody has asked before or set a seed


def become_task(streams: Sequence[int], server: int, command: Sequence[str]) -> None:
    """Be a process as Metaflow starts it: with its own group, streams and handlers, and no more.

    Parameters
    ----------
    streams : sequence of int
        What becomes standard input, output and error.
    server : int
        The process that has forked this one, which it does not outlive.
    command : sequence of str
        Its command, which is started where the kernel does not tell of the server's end.
    """
    # Of its own: what is sent to the run's group, the client passes on, and once.
    os.setpgid(0, 0)
    libc = ctypes.CDLL(None)
    told = libc.prctl(_DIES_WITH_PARENT, signal.SIGKILL) == 0
    if os.getppid() != server:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    # The server has looked that nobody else has any open.
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    if not told:
        become_cold(command, os.environb)
    _begin_random_numbers(libc)


def become_cold(command: Sequence[str], environment: Mapping[bytes, bytes]) -> None:
    """Become the command that this task would have been without a server."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # as after `subprocess`
        signal.signal(number, signal.SIG_DFL)
    os.execve(command[0], list(command), dict(environment))  # noqa: S606


def _begin_random_numbers(libc: ctypes.CDLL) -> None:
    # Python's own begin anew after a fork, and R's are not used yet (the server looks).
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if libc.rand() == _FIRST_RANDOM_NUMBER:
        libc.srand(1)
    else:
        libc.srand(int.from_bytes(os.urandom(4), "little"))
