"""Make the main thread raise an exception, whether it runs Python or embedded R.

A Python signal handler runs only when the main thread is back in the interpreter, and R does not
come back for ``while (TRUE) {}``. So while R runs (`r_evaluation`), signals are only recorded, a
watcher thread tells R that an interrupt is pending, and the original handlers run when R has
returned: Metaflow's ``@timeout``, Ctrl-C and a lost gang end R code as they end Python code.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .. import times
from . import descendants
from .line import SignalLine
from .threads import leave_signals_to_main, start_thread

# Delivered to the main thread by `interrupt_main`; SIGURG is ignored by default and used by nobody
# else in a task (SIGUSR1 and SIGUSR2 mean "save and quit" to R).
WAKE_SIGNAL = signal.SIGURG

_DEFERRED = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, WAKE_SIGNAL)
# From one push to the next the pauses grow: processx looks for an interrupt when nothing has come
# in between for 0.2 s.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
# What programs that R has started get, one after the other, if R still waits for them.
_STRONGER = tuple(
    zip(times.PROGRAMS_END, (signal.SIGINT, signal.SIGTERM, signal.SIGKILL), strict=True)
)

_pending: list[BaseException] = []


# Between a signal handler and R: frames of these modules belong to the bridge, not to R's callees.
_BRIDGE = ("rpy2.", "contextlib", "functools", __name__.partition(".signals.")[0] + ".")


class Interrupted(KeyboardInterrupt):
    """A signal arrived while Python code ran that R code had called; R's interrupt follows."""


def install() -> None:
    """Install the handler that `interrupt_main` needs; call it once from the main thread."""
    signal.signal(WAKE_SIGNAL, _raise_pending)


def interrupt_main(exc: BaseException) -> None:
    """Make the main thread raise an exception soon, in Python code or in embedded R code.

    Parameters
    ----------
    exc : BaseException
        What the main thread raises. C code that never checks for signals delays it.

    Examples
    --------
    >>> interrupt_main(TimeoutError("the gang lost node 1"))  # doctest: +SKIP
    """
    _pending.append(exc)
    _kick()


def _kick() -> None:
    ident = threading.main_thread().ident
    if ident is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pthread_kill(ident, WAKE_SIGNAL)


def _raise_pending(signum: int, frame: Any) -> None:
    if _pending:
        raise _pending.pop(0)


class _Watcher(threading.Thread):
    """Tells R about signals that arrived, until the evaluation that they interrupt is over."""

    def __init__(self, set_r_interrupt: Callable[[], None]) -> None:
        super().__init__(name="gangway-r-interrupts", daemon=True)
        self._set_r_interrupt = set_r_interrupt
        self.line = SignalLine()
        self._began = 0.0
        self._evaluating = threading.Event()
        self._interrupted = threading.Event()

    def enter(self) -> None:
        self._began = descendants.now()
        self._interrupted.clear()
        self._evaluating.set()

    def leave(self) -> None:
        self._evaluating.clear()

    @property
    def interrupting(self) -> bool:
        """Whether a signal has asked R to end the evaluation."""
        return self._interrupted.is_set()

    def run(self) -> None:
        while True:
            received = self.line.receive()
            urgent = any(signum != WAKE_SIGNAL for signum in received) or bool(_pending)
            if not urgent or self._interrupted.is_set():
                continue
            self._interrupted.set()
            start_thread(self._insist)

    def _insist(self) -> None:
        began, stronger = time.monotonic(), list(_STRONGER)
        programs = set(descendants.in_session(self._began))
        pause, seconds = threading.Event(), _FIRST_PAUSE
        # Again and again: R code may swallow one interrupt, and R's Sys.sleep() looks at the
        # flag only when a system call of the main thread was interrupted after it was set.
        while self._evaluating.is_set():
            self._set_r_interrupt()
            _kick()
            # What R code has started gets what a terminal's Ctrl-C would give it: R's system()
            # waits for it, and sees no interrupt.
            if stronger and time.monotonic() - began >= stronger[0][0]:
                programs.update(descendants.in_session(self._began))
                descendants.send(programs, stronger.pop(0)[1])
            pause.wait(seconds)
            seconds = min(2 * seconds, _LONGEST_PAUSE)


def leave_signals_to_system() -> None:
    """Let signals end this process, which R has forked from one that handles them otherwise."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGUSR1}:  # R's word to children that may end
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


_watcher: _Watcher | None = None
_evaluating = False
_in_python = False
_recorder: Callable[[int, Any], None] | None = None


@contextlib.contextmanager
def r_evaluation(set_r_interrupt: Callable[[], None]) -> Iterator[None]:
    """Run R code so that signals interrupt it and are handled by Python afterwards.

    Parameters
    ----------
    set_r_interrupt : callable
        Sets R's "interrupt pending" flag; called from another thread while R runs.
    """
    global _watcher, _evaluating, _recorder
    if _evaluating or threading.current_thread() is not threading.main_thread():
        yield
        return
    if _watcher is None:
        _watcher = _Watcher(set_r_interrupt)
        with leave_signals_to_main():
            _watcher.start()
    watcher = _watcher
    recorded: list[int] = []
    told_callee = False

    def record(signum: int, frame: Any) -> None:
        nonlocal told_callee
        recorded.append(signum)
        urgent = signum != WAKE_SIGNAL or bool(_pending)
        if _in_python and urgent:
            raise Interrupted
        # Once: the code may have things to clear up. The watcher's signals come again, in case the
        # bridge's own modules ran at the first.
        if not told_callee and (urgent or watcher.interrupting) and _called_by_r(frame):
            told_callee = True
            raise Interrupted

    _recorder = record
    handlers = {s: signal.signal(s, record) for s in _DEFERRED}
    old_fd = signal.set_wakeup_fd(_watcher.line.fileno(), warn_on_full_buffer=False)
    _watcher.enter()
    _evaluating = True
    if _pending:
        _kick()
    try:
        yield
    finally:
        _evaluating = False
        _watcher.leave()
        signal.set_wakeup_fd(old_fd, warn_on_full_buffer=False)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
        _deliver(recorded)


@contextlib.contextmanager
def no_r_evaluation() -> Iterator[None]:
    """Call R meanwhile without the thread that tells it of signals: they wait until R returns."""
    global _evaluating
    old, _evaluating = _evaluating, True
    try:
        yield
    finally:
        _evaluating = old


def take_sigint_back() -> None:
    """Handle SIGINT as the other signals again, when something that R has called took it.

    reticulate does, and its handler asks R whether an interrupt is pending: R code, which that very
    interrupt may end by a jump over Python's frames, without their ``finally``.
    """
    if _evaluating and _recorder is not None:
        signal.signal(signal.SIGINT, _recorder)


def _called_by_r(frame: Any) -> bool:
    """Whether the main thread runs Python code that R code has called through reticulate."""
    return frame is not None and not frame.f_globals.get("__name__", "").startswith(_BRIDGE)


@contextlib.contextmanager
def python_in_r() -> Iterator[None]:
    """Run Python code that R code has called: a signal ends it with `Interrupted`."""
    global _in_python
    outer, _in_python = _in_python, True
    try:
        yield
    finally:
        _in_python = outer


def _deliver(recorded: list[int]) -> None:
    for signum in dict.fromkeys(recorded):
        if signum == WAKE_SIGNAL:
            _raise_pending(signum, None)
        else:
            signal.raise_signal(signum)
