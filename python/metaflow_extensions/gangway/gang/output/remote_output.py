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
from .tail import Tail
from .task_output import LONGEST_SHOWN, STREAMS, Bound, dropped_lines, show

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
            show(2 if number == 2 else 1, node, str(line).encode())


@contextlib.contextmanager
def reported(board: Board) -> Iterator[None]:
    """On a worker: let control know what this task prints meanwhile."""
    bound = Bound()

    def take(path: str, line: str) -> None:
        if bound.lets_through():
            tell_dropped()
            parsed = parse(line.encode())
            text = parsed.msg.decode(errors="replace") if parsed else line
            board.tell(_TOPIC, [numbers[path], text[:LONGEST_SHOWN]])

    def tell_dropped() -> None:
        dropped, bound.dropped = bound.dropped, 0
        if dropped:
            board.tell(_TOPIC, [2, dropped_lines(dropped, str(current.task_id))])

    logs = {name: os.environ.get(f"MFLOG_{name.upper()}", "") for name in STREAMS}
    numbers = {logs[name]: number for name, number in STREAMS.items()}
    tails = [Tail(path, take, _SECONDS, from_now=True) for path in logs.values() if path]
    try:
        yield
    finally:
        for tail in tails:
            tail.stop()
        tell_dropped()
