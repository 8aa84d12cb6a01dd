"""What a command prints: shown live, line by line, with its node, and its last lines kept."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, TextIO

from ...signals.threads import start_thread
from .shown import LONGEST_LINE, print_line
from .tail import Tail

_KEPT = 20

# Splits a line into the rank that printed it ("" for the launcher itself) and its text, with the
# rank's node if that may be another one; None for a line that nobody needs to see.
RankOf = Callable[[str], "tuple[str, str] | tuple[str, str, int | None] | None"]


class Output:
    """Shows and keeps what the processes of one command print.

    Parameters
    ----------
    node : int
        The index of the node, which each line is shown with.
    rank_of : callable, optional
        Splits a line into the rank and its text, where the launcher marks lines.
    """

    def __init__(self, node: int, rank_of: RankOf | None = None) -> None:
        self._node, self._rank_of = node, rank_of
        self._lines: dict[str, deque[str]] = {}
        self._spoke: dict[str, float] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._tails: list[Tail] = []

    def follow(self, source: IO[str], target: TextIO | None = None) -> None:
        """Show what can be read from a stream, until it ends."""
        self._threads.append(start_thread(self._follow, source, target or sys.stdout))

    def follow_files(self, pattern: str, rank_of_file: Callable[[str], str]) -> None:
        """Show what ranks write to files, until `join`."""
        self._tails.append(Tail(pattern, lambda path, line: self.take(rank_of_file(path), line)))

    def join(self, seconds: float) -> None:
        """Wait until all streams have ended."""
        while self._tails:
            self._tails.pop().stop()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def last_lines(self, rank: str = "") -> list[str]:
        """Return the last lines of a rank, or of the launcher itself."""
        with self._lock:
            return list(self._lines.get(rank, ()))

    def last_spoke(self, rank: str = "") -> float:
        """When a rank printed its last line, or 0."""
        return self._spoke.get(rank, 0.0)

    def ranks(self) -> list[str]:
        """Return the ranks that have printed something."""
        with self._lock:
            return [rank for rank in self._lines if rank]

    def _follow(self, source: IO[str], target: TextIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := source.readline(LONGEST_LINE):
                self._take(line.rstrip("\n"), target)

    def _take(self, line: str, target: TextIO) -> None:
        said = self._rank_of(line) if self._rank_of else ("", line)
        if said is not None:
            rank, text, *node = said
            self.take(rank, text, node[0] if node else None, target)

    def take(
        self, rank: str, text: str, node: int | None = None, target: TextIO | None = None
    ) -> None:
        """Show and keep a line of a rank."""
        with self._lock:
            if text.strip():
                self._lines.setdefault(rank, deque(maxlen=_KEPT)).append(text)
                self._spoke[rank] = time.time()
            at = self._node if node is None else node
            print_line(at, f"rank {rank}" if rank else "", text, target or sys.stdout)
