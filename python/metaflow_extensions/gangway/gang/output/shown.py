"""How the output of others is shown: one form of prefix, and one bound.

``[node 1] text`` is a node's task, ``[node 1] [rank 3] text`` and ``[node 1] [f pid=42] text`` are
programs on it. What control shows of another node is bounded (`BoundedLines`); what a node's own
task shows of its programs is not, because the task's log is the only one that has it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TextIO

from ..link.names import node_name

# A line that is longer is taken in pieces: one without an end would fill the memory.
LONGEST_LINE = 1 << 20
# Below what a pipe takes in one piece, in bytes.
LONGEST_SHOWN = 4000


def prefix(node: int, speaker: str = "") -> str:
    """Return what stands before a line of a node, or of a program on it."""
    return f"[{node_name(node)}] " + (f"[{speaker}] " if speaker else "")


def print_line(node: int, speaker: str, text: str, stream: TextIO) -> None:
    """Show a line of a program on this task's own node."""
    with contextlib.suppress(OSError, ValueError):
        print(prefix(node, speaker) + text, file=stream, flush=True)


def write_line(node: int, number: int, line: bytes) -> None:
    """Show a line of another node's task on standard output (1) or error (2)."""
    # Lines of programs on the node have its prefix already.
    before = prefix(node).encode()
    whole = line if line.startswith(before) else before + line
    with contextlib.suppress(OSError):
        os.write(number, whole + b"\n")


class Bound:
    """Lets a burst of lines through, and after it so many a second.

    Parameters
    ----------
    burst, rate : float
        How many.
    """

    def __init__(self, burst: float = 2000, rate: float = 100) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._at = burst, time.monotonic()
        self.dropped = 0

    def lets_through(self) -> bool:
        """Whether one more line may be shown; counts it if not."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            self.dropped += 1
            return False
        self._left -= 1
        return True


class BoundedLines:
    """Passes on the lines of a node's task that control shows, and says how many it has not.

    Parameters
    ----------
    task : str
        The name of the task, whose log has everything.
    pass_on : callable
        Takes a stream's number (1 or 2) and a line.
    """

    def __init__(self, task: str, pass_on: Callable[[int, bytes], None]) -> None:
        self._task, self._pass_on = task, pass_on
        self._bound, self._told = Bound(), time.monotonic()

    def take(self, number: int, line: bytes) -> None:
        """Pass a line on, if the bound lets it through; cut it if it is too long."""
        if self._bound.lets_through():
            self.tell_dropped(every=1)
            cut = line[:LONGEST_SHOWN] + (b" ..." if len(line) > LONGEST_SHOWN else b"")
            self._pass_on(number, cut)

    def tell_dropped(self, every: float = 0) -> None:
        """Say that there was more to show, if there was; once in `every` seconds at most."""
        if time.monotonic() - self._told < every:
            return
        self._told = time.monotonic()
        dropped, self._bound.dropped = self._bound.dropped, 0
        if dropped:
            text = f"{dropped} lines are not shown here; the log of task {self._task} has them"
            self._pass_on(2, text.encode())
