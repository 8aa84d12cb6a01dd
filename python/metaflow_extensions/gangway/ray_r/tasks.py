"""What runs in Ray's workers: R calls as Ray tasks, and R objects as Ray actors.

Imports no Metaflow, which would cost each worker 0.2 s.
"""

from __future__ import annotations

from typing import Any

import ray

from .driver import driver
from .wire import RTaskError, read_message, unpack


def run_task(*given: Any) -> Any:
    """Run an R call of a job.

    Parameters
    ----------
    *given
        A `message`; then, if there are references or actors among the arguments, what each is
        called (a list of str: the identity of the object), and what they stand for.
    """
    from .worker import RWorker

    return RWorker.current().run_task(*read_message(given, ray.get))


class RActor:
    """An R environment that lives in a process of its own; `Driver` makes it a Ray actor."""

    def __init__(self, *given: Any) -> None:
        from .worker import RWorker

        self._worker = RWorker.current()
        self._broken: RTaskError | None = None
        try:
            self._worker.make_actor(*read_message(given, ray.get))
        except RTaskError as error:  # told by each call: Ray would only say that it has died
            self._broken = error

    def call(self, method: str, args: Any, *needs: Any) -> Any:
        """Call a method, which is a function in the environment."""
        if self._broken is not None:
            raise self._broken
        return self._worker.call_actor(method, unpack(args), needs)


# Not decorated: what is found under its own name workers import, and so have their driver, too.
driver.run_task, driver.actor_class = ray.remote(run_task), RActor
