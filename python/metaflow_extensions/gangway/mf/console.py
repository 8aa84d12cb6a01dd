"""The run's console keeps the blanks that a line of a task's output begins with.

Metaflow's local scheduler strips each line before it shows it, so that columns stand crooked: the
header of a data frame begins with blanks, and its rows do not. What it stores, and what the client
and the command ``logs`` read, is the line as it was.
"""

from __future__ import annotations

import functools
from typing import Any

from .patches import is_known

_WITHOUT = "Without it, blanks at the start of a line are missing on the console."


class _Line(bytes):
    """A line whose `strip` leaves the blanks that it begins with."""

    def strip(self, chars: Any = None) -> bytes:
        return self.rstrip().lstrip(b"\r\n\v\f")


def enable() -> None:
    """Let tasks' output be shown as it is, if Metaflow's method is the one that is known."""
    from metaflow.runtime import Worker

    if hasattr(Worker.emit_log, "__wrapped__") or not is_known(
        Worker, "emit_log", ["self", "msg", "buf", "system_msg"], _WITHOUT
    ):
        return
    emit_log = Worker.emit_log

    @functools.wraps(emit_log)
    def emit(self: Worker, msg: bytes, buf: Any, system_msg: bool = False) -> None:
        emit_log(self, _Line(msg), buf, system_msg)

    Worker.emit_log = emit  # type: ignore[method-assign]
