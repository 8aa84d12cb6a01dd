"""SIGTERM and SIGHUP end a run as Ctrl-C does.

Metaflow's runtime dies of them and leaves its tasks running. Ctrl-C is what it cleans up after, and
it relies on the terminal to send SIGINT to the tasks too: here nobody else does.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

from . import descendants


def end_run_on_termination() -> None:
    """Install the handlers in the run's process, unless somebody has handlers already."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end_run)


def _end_run(number: int, frame: FrameType | None) -> None:
    descendants.interrupt()
    raise KeyboardInterrupt
