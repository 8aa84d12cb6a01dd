"""SIGTERM and SIGHUP end a run as Ctrl-C does.

Metaflow's runtime dies of them and leaves its tasks running. Ctrl-C is what it cleans up after, and
it relies on the terminal to send SIGINT to the tasks too: here nobody else does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType

import psutil


def end_run_on_termination() -> None:
    """Install the handlers in the run's process, unless somebody has handlers already."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end_run)


def _end_run(number: int, frame: FrameType | None) -> None:
    for child in psutil.Process().children(recursive=True):
        # A gang's own processes live in other sessions, and their tasks take them down.
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(child.pid) == os.getsid(0):
                child.send_signal(signal.SIGINT)
    raise KeyboardInterrupt
