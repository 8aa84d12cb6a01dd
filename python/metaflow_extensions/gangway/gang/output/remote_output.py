"""What workers on other machines print, shown at control as it comes.

A worker's task has a log of its own there, which Metaflow keeps whole. The worker follows it, and
sends its lines over the lifeline, no more than control can show.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from metaflow.metaflow_current import current
from metaflow.mflog.mflog import parse

from ..link.board import Board
from .shown import BoundedLines, write_line
from .tail import Tail
from .task_output import STREAMS

_TOPIC = "output"
_SECONDS = 0.25


class ReportedOutput:
    """On control: shows what the workers report."""

    def __init__(self, board: Board) -> None:
        board.hear(_TOPIC, self._show)
        self._closed = False

    def close(self) -> None:
        """Show no more."""
        self._closed = True

    def _show(self, node: int, said: list[object]) -> None:
        number, line = said
        if not self._closed:
            write_line(node, 2 if number == 2 else 1, str(line).encode())


@contextlib.contextmanager
def reported(board: Board) -> Iterator[None]:
    """On a worker: let control know what this task prints meanwhile."""

    def pass_on(number: int, line: bytes) -> None:
        board.tell(_TOPIC, [number, line.decode(errors="replace")])

    def take(path: str, line: str) -> None:
        parsed = parse(line.encode())
        lines.take(numbers[path], parsed.msg if parsed else line.encode())

    lines = BoundedLines(str(current.task_id), pass_on)
    logs = {name: os.environ.get(f"MFLOG_{name.upper()}", "") for name in STREAMS}
    numbers = {logs[name]: number for name, number in STREAMS.items()}
    tails = [Tail(path, take, _SECONDS, from_now=True) for path in logs.values() if path]
    try:
        yield
    finally:
        for tail in tails:
            tail.stop()
        lines.tell_dropped()
