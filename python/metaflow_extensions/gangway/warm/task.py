"""The first steps of a task that the server has forked."""

from __future__ import annotations

import ctypes
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .surroundings import OF_A_TASK, open_files

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


def begin_task(command: Sequence[str], environment: Mapping[bytes, bytes]) -> None:
    """Have the command line and the environment of a task.

    Parameters
    ----------
    command : sequence of str
        Its command: Python, and what is Python's ``sys.argv``.
    environment : mapping
        Its environment, which differs from that of this process's start in `OF_A_TASK` alone.
    """
    sys.orig_argv = list(command)
    sys.argv = list(command[1:])
    for name in OF_A_TASK & environment.keys():
        os.environb[name] = environment[name]
    # Python's own random numbers begin anew after a fork, and R's are not used yet.
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    libc = ctypes.CDLL(None)
    unused = libc.rand() == _FIRST_RANDOM_NUMBER
    libc.srand(1 if unused else int.from_bytes(os.urandom(4), "little"))


def take_streams() -> int:
    """Give this process pipes as standard streams, with Python's objects for them, and no more.

    As in a task of Metaflow's, in a process that had other ones. What Python has opened stays.

    Returns
    -------
    int
        Where standard output and error can be read.
    """
    for number in open_files():
        if number > 2 and os.get_inheritable(number):  # from who has started it, if not Python's
            os.close(number)
    heard, said = os.pipe()
    unwritten, unread = os.pipe()
    for number, end in enumerate((unwritten, said, said)):
        os.dup2(end, number)
    for end in (said, unwritten, unread):
        os.close(end)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _stream(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    return heard


def _stream(number: int, old: Any) -> io.TextIOWrapper:
    # As Python makes them at its start, where PYTHONUNBUFFERED is set.
    is_input = number == 0
    mode, buffering = ("rb", -1) if is_input else ("wb", 0)
    binary: Any = open(number, mode, buffering, closefd=False)  # noqa: SIM115
    (binary.raw if is_input else binary).name = old.name
    stream = io.TextIOWrapper(
        binary,
        encoding=old.encoding,
        errors=old.errors,
        newline=None if is_input else "\n",
        write_through=True,
    )
    stream.mode = "r" if is_input else "w"  # type: ignore[misc]
    return stream


def become_cold(command: Sequence[str], environment: Mapping[bytes, bytes]) -> None:
    """Become the command that this task would have been without a server."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # as after `subprocess`
        signal.signal(number, signal.SIG_DFL)
    os.execve(command[0], list(command), dict(environment))  # noqa: S606
