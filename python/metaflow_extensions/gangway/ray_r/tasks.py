"""What runs in Ray's workers: R calls as Ray tasks, and R objects as Ray actors.

Imports no Metaflow, which would cost each worker 0.2 s.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ray

from .driver import driver
from .wire import RTaskError, read_message, unpack, unpack_calls


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


def run_timed(*given: Any) -> tuple[Any, float]:
    """Do the same; return also the seconds that the call has taken."""
    from .worker import RWorker

    worker: RWorker = RWorker.current()
    return worker.run_timed(*read_message(given, ray.get))


def run_calls(*given: Any) -> tuple[float, list[Any]]:
    """Run several R calls of a job, which `pack_calls` has put together."""
    from .worker import RWorker

    key, fetch_job, calls, _ = read_message(given, ray.get)
    worker: RWorker = RWorker.current()
    return worker.run_calls(key, fetch_job, unpack_calls(calls))


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
driver.tasks = SimpleNamespace(
    run_task=ray.remote(run_task), run_timed=ray.remote(run_timed), run_calls=ray.remote(run_calls)
)
driver.actor_class = RActor
