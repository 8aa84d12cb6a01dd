"""Where Python's C code writes the numbers of signals: told apart from those of forked children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys


class SignalLine:
    """What `signal.set_wakeup_fd` takes, and its other end.

    A child that R forks has the line too, and until it gets handlers of its own (`engine.fork`;
    never, if a package's C code has forked it) its signals come here. The kernel says whose each
    is, on Linux: a socket's messages bear their writer's process id.
    """

    _WRITER = struct.Struct("3i")  # ucred: process, user, group

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._writer.setblocking(False)
        if sys.platform == "linux":
            self._reader.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def fileno(self) -> int:
        """Return the end for Python's C code."""
        return self._writer.fileno()

    def receive(self) -> bytes:
        """Wait until this process has got signals; return their numbers."""
        while True:
            room = socket.CMSG_SPACE(self._WRITER.size)
            numbers, ancillary, _, _ = self._reader.recvmsg(64, room)
            writers = [self._WRITER.unpack(data)[0] for _, _, data in ancillary]
            if not writers or writers[0] == os.getpid():
                return numbers
            _end_forked(writers[0], numbers)


def _end_forked(process: int, numbers: bytes) -> None:
    # It would have died of these signals if it had not its parent's handlers.
    if process and {signal.SIGINT, signal.SIGTERM} & set(numbers):
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
