"""An event that a thread can wait for beside sockets and pipes, instead of looking now and then."""

from __future__ import annotations

import socket


class Bell:
    """What `select` and `wait` return once it has been rung; it goes on ringing."""

    def __init__(self) -> None:
        self._here, self._there = socket.socketpair()

    def fileno(self) -> int:
        return self._here.fileno()

    def ring(self) -> None:
        """Wake who waits; may be called twice and from any thread."""
        self._there.close()

    def close(self) -> None:
        """Free the files, when nobody waits any more."""
        self._there.close()
        self._here.close()
