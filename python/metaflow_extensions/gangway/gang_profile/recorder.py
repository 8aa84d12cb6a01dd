"""The thread that looks at this node at an interval, and costs next to nothing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from ..signals.threads import start_thread
from .meter import Meter

# A look is followed by a pause of so many times what it cost: half a percent of a core at most.
_PAUSE_PER_COST = 200
_FIRST_SECONDS = 0.5

Report = dict[str, Any]


class Recorder:
    """Reads a meter until it is stopped, and hands on what it reads.

    Reports wait until `deliver` says where they go; most of them bear one sample: ``at`` (seconds
    of this machine's monotonic clock), ``sample``, ``uses`` of ranks and Ray workers by their keys,
    and ``cost`` (seconds of CPU time so far).

    Parameters
    ----------
    make_meter : callable
        Gives the meter, in the thread: looking for GPUs takes a while.
    interval : float
        Seconds between two looks.
    warn : callable
        Called with the exception that ends the thread, if one does.
    """

    def __init__(
        self,
        make_meter: Callable[[], Meter],
        interval: float,
        warn: Callable[[Exception], None],
    ) -> None:
        self._make_meter, self._interval, self._warn = make_meter, interval, warn
        self._lock = threading.Lock()
        self._deliver: Callable[[Report], None] | None = None
        self._waiting: list[Report] = []
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = start_thread(self._run, name="gangway-profile")

    def deliver(self, deliver: Callable[[Report], None]) -> None:
        """Hand on all that has waited, and from now on each report at once."""
        with self._lock:
            for report in self._waiting:
                deliver(report)
            self._waiting.clear()
            self._deliver = deliver

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(1)

    def _run(self) -> None:
        try:
            self._look()
        except Exception as error:
            self._warn(error)

    def _look(self) -> None:
        meter = self._make_meter()
        self._hand_on({"at": time.monotonic(), "facts": meter.facts()})
        pause = min(self._interval, _FIRST_SECONDS)
        began = time.thread_time()
        while not self._stopped.wait(pause):
            before = time.thread_time()
            sample, uses = meter.read()
            cost = round(time.thread_time() - began, 4)
            self._hand_on(
                {"at": time.monotonic(), "sample": list(sample), "uses": uses, "cost": cost}
            )
            pause = max(self._interval, (time.thread_time() - before) * _PAUSE_PER_COST)

    def _hand_on(self, report: Report) -> None:
        with self._lock:
            if self._deliver is None:
                self._waiting.append(report)
                del self._waiting[1:-1000]  # the facts come first
            else:
                with contextlib.suppress(OSError):
                    self._deliver(report)
