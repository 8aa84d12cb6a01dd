"""R's jobs: a function with what it needs, how Ray shall run it, and tasks for its calls."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import ray

from . import cluster
from .wire import message, pack

if TYPE_CHECKING:
    from .shared_tasks import Pace

# Bytes up to which a job goes along with each task: Ray's bookkeeping of a reference costs more.
_SMALL_JOB = 32 * 1024


class Job:
    """A job, as it is sent.

    Parameters
    ----------
    data : bytes-like
        R's serialization of it.
    options : dict
        R's options of its tasks.
    tasks : module
        What runs in Ray's workers: `tasks`.
    pace : Pace, optional
        Of a job whose calls may share tasks: what is known of how long they take.

    Attributes
    ----------
    cpus : float
        Cores that a task of it takes.
    """

    def __init__(
        self, data: Any, options: dict[str, Any], tasks: Any, pace: Pace | None = None
    ) -> None:
        self.cpus = float(options.get("cpus", 1))
        self.pace = pace
        self._key = hashlib.sha256(data).digest()
        # In a list, so that Ray does not fetch it for each task.
        self._shipped = bytes(data) if len(data) <= _SMALL_JOB else [ray.put(pack(data))]
        self._options = cluster.ray_options(options)
        self._tasks = tasks
        self._alone = tasks.run_task.options(**self._options)
        self._probe: Any = None
        self._shared: Any = None

    def message(self, args: Any) -> tuple[Any, ...]:
        """Return what a task is given."""
        return message(self._shipped, self._key, args)

    def send(self, args: Any, needs: Any = ()) -> Any:
        """Start a task for a call; return the reference to its result."""
        return self._alone.remote(*self.message(args), *needs)

    def send_probe(self, args: Any) -> tuple[Any, Any]:
        """Do the same; return also a reference to the seconds that the call takes."""
        if self._probe is None:
            self._probe = self._tasks.run_timed.options(**self._options, num_returns=2)
        result, seconds = self._probe.remote(*self.message(args))
        return result, seconds

    def send_shared(self, calls: bytes) -> Any:
        """Start a task for several calls; return the reference to all that they give."""
        if self._shared is None:
            # Whoever made it fail begins anew in a task of its own, which Ray tries again.
            self._shared = self._tasks.run_calls.options(**{**self._options, "max_retries": 0})
        return self._shared.remote(*self.message(calls))
