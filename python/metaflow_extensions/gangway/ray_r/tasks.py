"""What runs in Ray's workers: R calls as Ray tasks, and R objects as Ray actors.

Imports no Metaflow, which would cost each worker 0.2 s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ray

from . import driver
from .wire import KEY, RTaskError, unpack


def _read(given: Sequence[Any]) -> tuple[bytes, Callable[[], Any], Any, Sequence[Any]]:
    """The job's key, how to get it, the arguments, and what follows the message."""
    first = given[0]
    if len(first) == KEY:
        job = given[1]
        fetch = (lambda: unpack(ray.get(job[0]))) if isinstance(job, list) else (lambda: job)
        return first, fetch, unpack(given[2]), given[3:]
    end = KEY + 4 + int.from_bytes(first[KEY : KEY + 4], "little")
    return first[:KEY], lambda: first[KEY + 4 : end], first[end:], given[1:]


@ray.remote
def run_task(*given: Any) -> Any:
    """Run an R call of a job.

    Parameters
    ----------
    *given
        A `message`; then, if there are references or actors among the arguments, what each is
        called (a list of str: the identity of the object), and what they stand for.
    """
    from .worker import RWorker

    key, job, args, needs = _read(given)
    return RWorker.current().run_task(key, job, args, needs)


class RActor:
    """An R environment that lives in a process of its own; `driver` makes it a Ray actor."""

    def __init__(self, *given: Any) -> None:
        from .worker import RWorker

        self._worker = RWorker.current()
        self._broken: RTaskError | None = None
        try:
            self._worker.make_actor(*_read(given))
        except RTaskError as error:  # told by each call: Ray would only say that it has died
            self._broken = error

    def call(self, method: str, args: Any, *needs: Any) -> Any:
        """Call a method, which is a function in the environment."""
        if self._broken is not None:
            raise self._broken
        return self._worker.call_actor(method, unpack(args), needs)


driver.run_task, driver.actor_class = run_task, RActor
