"""Whether this node is about to lose its machine: a Spot machine taken back, a stopped task.

Metaflow's monitor asks EC2 for the notice, which comes two minutes ahead, and leaves it in a file;
whatever stops a container sends SIGTERM. Both end the gang in order, and `@retry` starts it anew.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType

from metaflow.metaflow_current import current

_terminated = threading.Event()


def note_termination() -> None:
    """Let SIGTERM end the gang of this task, unless somebody has a handler already."""
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _note_signal)


def eviction_reason() -> str | None:
    """Why this node cannot stay, or None while it can."""
    if _terminated.is_set():
        return "it was told to end (SIGTERM)"
    notice = current.get("spot_termination_notice")
    if notice and os.path.exists(notice):
        when = ""
        with contextlib.suppress(OSError), open(notice) as file:
            when = file.read().strip()
        return f"EC2 takes its Spot machine away{' at ' + when if when else ''}"
    return None


def _note_signal(number: int, frame: FrameType | None) -> None:
    _terminated.set()
