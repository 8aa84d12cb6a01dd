"""SIGTERM and SIGHUP end a run as Ctrl-C does.

Metaflow's runtime dies of them and leaves its tasks running. Ctrl-C is what it cleans up after, and
it relies on the terminal to send SIGINT to the tasks too: here nobody else does.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

from .. import times
from . import descendants
from .threads import start_thread


def end_run_on_termination() -> None:
    """Install the handlers in the run's process, unless somebody has handlers already."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end_run)


def end_run_with_parent(parent: int, unless: str = "") -> None:
    """End this run when its parent is gone.

    Parameters
    ----------
    parent : int
        The parent's process.
    unless : str
        A file; if it is there by then, the run goes on.
    """
    start_thread(_watch_parent, parent, unless, name="gangway-parent")


def _watch_parent(parent: int, unless: str) -> None:
    while os.getppid() == parent:
        time.sleep(times.PARENT)
    if not os.path.exists(unless):
        os.kill(os.getpid(), signal.SIGTERM)


def _end_run(number: int, frame: FrameType | None) -> None:
    descendants.interrupt()
    raise KeyboardInterrupt
