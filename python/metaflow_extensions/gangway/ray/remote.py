"""What runs in Ray's workers: R calls as Ray tasks, and R objects as Ray actors.

Imports no Metaflow, which would cost each worker 0.2 s.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import ray

# Bytes from which a value is kept apart from the message that carries it: Ray's object store then
# holds it once a node, and readers look at it where it lies.
LARGE = 64 * 1024


class Blob:
    """Bytes that Ray keeps in shared memory and hands out without copying."""

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Blob, (pickle.PickleBuffer(self.data),)


class RTaskError(Exception):
    """R code failed in a worker; `payload` is R's serialization of what is known about it."""

    def __init__(self, message: str, payload: bytes) -> None:
        super().__init__(message, payload)
        self.payload = payload

    def __str__(self) -> str:
        return str(self.args[0])


def pack(data: Any) -> Any:
    """Make bytes fit for Ray: small ones travel with messages."""
    return Blob(data) if len(data) >= LARGE else bytes(data)


def unpack(value: Any) -> Any:
    """Undo `pack` without copying."""
    return memoryview(value.data) if isinstance(value, Blob) else value


@ray.remote
def run_task(job: Any, key: str, args: Any, names: Sequence[str], *values: Any) -> Any:
    """Run an R call of a job.

    Parameters
    ----------
    job : bytes or list
        R's serialization of the job, or a list of the reference to it, so that Ray does not fetch
        it for each task.
    key : str
        The job's hash.
    args : bytes or Blob
        R's serialization of the arguments, with slots for `values`.
    names : sequence of str
        What the values are called: the identity of the object that each reference stands for.
    values : bytes, Blob or actor handle
        What the references in the arguments stand for.
    """
    from ..r.worker import RWorker

    return RWorker.current().run_task(_fetcher(job), key, unpack(args), names, values)


class RActor:
    """An R environment that lives in a process of its own; `driver` makes it a Ray actor."""

    def __init__(self, job: Any, key: str, args: Any, names: Sequence[str], *values: Any) -> None:
        from ..r.worker import RWorker

        self._worker = RWorker.current()
        self._worker.make_actor(_fetcher(job), key, unpack(args), names, values)

    def call(self, method: str, args: Any, names: Sequence[str], *values: Any) -> Any:
        """Call a method, which is a function in the environment."""
        return self._worker.call_actor(method, unpack(args), names, values)


def _fetcher(job: Any) -> Callable[[], Any]:
    return (lambda: unpack(ray.get(job[0]))) if isinstance(job, list) else (lambda: job)
