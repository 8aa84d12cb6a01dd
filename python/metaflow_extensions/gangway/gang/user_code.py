"""The step's code while it runs: the loss of the gang interrupts it, and if it must, kills it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable

from .. import times
from ..exceptions import GangLostException, StepExitException
from ..signals import interrupt
from ..signals.threads import start_thread


class UserCode:
    """Runs a step's code in the main thread.

    Parameters
    ----------
    take_down : callable
        Called with the loss when the code does not end; it cleans up, and then the process ends.
    """

    def __init__(self, take_down: Callable[[GangLostException], None]) -> None:
        self._take_down = take_down
        self._lock = threading.Lock()
        self._running = False
        self._lost: GangLostException | None = None

    def run(self, code: Callable[[], None]) -> None:
        """Run the code; a gang that was lost meanwhile is what counts."""
        with self._lock:
            self._running = True
        try:
            self._raise_if_lost()
            code()
        except GangLostException:
            raise
        except SystemExit as error:
            self._leave()
            self._raise_if_lost()
            # Metaflow would take a status of 0 for success, and say nothing of another one.
            raise StepExitException(
                f"The step's code called sys.exit({error.code!r}) or quit(), which would end the "
                "task without its artifacts. Leave with return, or raise an error."
            ) from error
        except Exception as error:
            self._leave()
            if lost := self._lost:
                raise lost from error
            raise
        finally:
            self._leave()
        self._raise_if_lost()

    def lose(self, lost: GangLostException) -> None:
        """Say that the gang is lost, from any thread."""
        with self._lock:
            self._lost = lost
            if self._running:
                interrupt.interrupt_main(lost)
        start_thread(self._insist, lost)

    def _leave(self) -> None:
        with self._lock:
            was_running, self._running = self._running, False
        if was_running and self._lost is not None:
            # The interrupt may be on its way; let it come here and not into the cleaning up.
            with contextlib.suppress(GangLostException):
                time.sleep(0.2)

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _insist(self, lost: GangLostException) -> None:
        time.sleep(times.CODE_ENDS)
        if not self._running:
            return
        self._take_down(lost)
        with contextlib.suppress(OSError):
            print(
                f"{lost}\nThe step's code did not end within {times.CODE_ENDS:g} s "
                "after that: the task is killed.",
                file=sys.stderr,
                flush=True,
            )
        os._exit(1)
