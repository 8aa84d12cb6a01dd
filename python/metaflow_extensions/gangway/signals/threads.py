"""Threads beside a main thread that may run R: they leave R's signals to it.

R and the packages that it loads handle signals as if R had one thread. While it sleeps or waits, R
handles SIGINT by a jump back on the stack of whatever thread has got the signal (R_SelectEx() in
R's src/unix/sys-std.c), and "stack smashing detected" follows, or worse; processx waits forever
for a process whose SIGCHLD another thread has got. The kernel may give a signal to any thread that
does not block it. A thread starts with the mask of the one that starts it.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

_OF_R = {signal.SIGINT, signal.SIGCHLD}


@contextlib.contextmanager
def leave_signals_to_main() -> Iterator[None]:
    """Let threads that start meanwhile, and those that they start, never get R's signals.

    Not around the start of a process, which would inherit that.
    """
    old = block_signals(True)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def block_signals(block: bool) -> set[int]:
    """Block R's signals in this thread, or let them through; return what was blocked before."""
    return signal.pthread_sigmask(signal.SIG_BLOCK if block else signal.SIG_UNBLOCK, _OF_R)


def start_thread(
    target: Callable[..., object], *args: Any, name: str | None = None
) -> threading.Thread:
    """Start a daemon thread that leaves R's signals to the main thread.

    Processes that it starts inherit that, unless they are told otherwise.
    """
    thread = threading.Thread(target=target, args=args, name=name, daemon=True)
    with leave_signals_to_main():
        thread.start()
    return thread
