"""Threads beside a main thread that may run R: they leave interrupts to it.

While it sleeps or waits, R handles SIGINT by a jump back on the stack of whatever thread has got
the signal (R_SelectEx() in R's src/unix/sys-std.c); and the kernel may give it to any thread that
does not block it. What follows is a "stack smashing detected", or worse. A thread starts with the
mask of the one that starts it.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def leave_interrupts_to_main() -> Iterator[None]:
    """Let threads that start meanwhile, and those that they start, never get SIGINT.

    Not around the start of a process, which would inherit that.
    """
    old = block_interrupts(True)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def block_interrupts(block: bool) -> set[int]:
    """Block SIGINT in this thread, or let it through; return what was blocked before."""
    how = signal.SIG_BLOCK if block else signal.SIG_UNBLOCK
    return signal.pthread_sigmask(how, {signal.SIGINT})


def start_thread(
    target: Callable[..., object], *args: Any, name: str | None = None
) -> threading.Thread:
    """Start a daemon thread that leaves interrupts to the main thread.

    Processes that it starts inherit that, unless they are told otherwise.
    """
    thread = threading.Thread(target=target, args=args, name=name, daemon=True)
    with leave_interrupts_to_main():
        thread.start()
    return thread
