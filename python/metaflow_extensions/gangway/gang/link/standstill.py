"""Notices that this process stood still: stopped by a signal, or without a turn on its machine.

What peers have said meanwhile waits to be read, and what it has not said is no fault of theirs.
"""

from __future__ import annotations

import time

from ... import times


class Standstill:
    """Measures the time from look to look, where looks should follow each other at once.

    Parameters
    ----------
    heartbeat_timeout : float
        Seconds of silence after which a peer counts as lost.
    """

    def __init__(self, heartbeat_timeout: float) -> None:
        self._timeout = heartbeat_timeout
        self._looked = time.monotonic()
        self._stood_still = self._ended = 0.0

    @property
    def latest(self) -> float:
        """Seconds of a standstill that peers may not have got over yet, or 0."""
        return self._stood_still if time.monotonic() - self._ended < self._timeout else 0.0

    def look(self) -> float:
        """Return for how many seconds this process has stood still since the last look, or 0."""
        now = time.monotonic()
        pause, self._looked = now - self._looked, now
        if pause <= times.beat(self._timeout):
            return 0.0
        self._stood_still, self._ended = pause, now
        return pause
