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
_KEY = 32


class Blob:
    """Bytes that Ray keeps in shared memory and hands out without copying, and what stands before.

    Parameters
    ----------
    data : bytes-like
        The bytes.
    head : bytes
        Of a value, what was said when it was made; see `pack_value`.
    """

    __slots__ = ("data", "head")

    def __init__(self, data: Any, head: bytes = b"") -> None:
        self.data = data
        self.head = head

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Blob, (pickle.PickleBuffer(self.data), self.head)


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


def pack_value(data: Any) -> Any:
    """Do the same with a value as runtime's ``write_outcome()`` writes it.

    First come four bytes, the length of what follows: R's serialization of the conditions that go
    with it, or nothing. Then comes R's serialization of the value. Nothing is told by what the
    value's own bytes are.
    """
    if len(data) < LARGE:
        return bytes(data)
    view = memoryview(data)
    start = _value_start(view)
    return Blob(view[start:], bytes(view[:start]))


def unpack_value(value: Any) -> tuple[bytes, Any]:
    """What stands before a packed value, and the value, without copying it."""
    if isinstance(value, Blob):
        return value.head, memoryview(value.data)
    start = _value_start(value)
    return value[:start], memoryview(value)[start:]


def _value_start(data: Any) -> int:
    return 4 + int.from_bytes(data[:4], "little")


def message(job: Any, key: bytes, args: Any) -> tuple[Any, ...]:
    """What a task is given: one string of bytes where all is small, which Ray handles quickest.

    Parameters
    ----------
    job : bytes or list
        R's serialization of the job, or a list of the reference to it, so that Ray does not fetch
        it for each task.
    key : bytes
        The job's hash.
    args : bytes-like
        R's serialization of the arguments, with slots for what references stand for.
    """
    if isinstance(job, bytes) and len(args) < LARGE:
        return (b"".join((key, len(job).to_bytes(4, "little"), job, args)),)
    return key, job, pack(args)


def _read(given: Sequence[Any]) -> tuple[bytes, Callable[[], Any], Any, Sequence[Any]]:
    """The job's key, how to get it, the arguments, and what follows the message."""
    first = given[0]
    if len(first) == _KEY:
        job = given[1]
        fetch = (lambda: unpack(ray.get(job[0]))) if isinstance(job, list) else (lambda: job)
        return first, fetch, unpack(given[2]), given[3:]
    end = _KEY + 4 + int.from_bytes(first[_KEY : _KEY + 4], "little")
    return first[:_KEY], lambda: first[_KEY + 4 : end], first[end:], given[1:]


@ray.remote
def run_task(*given: Any) -> Any:
    """Run an R call of a job.

    Parameters
    ----------
    *given
        A `message`; then, if there are references or actors among the arguments, what each is
        called (a list of str: the identity of the object), and what they stand for.
    """
    from ..r.worker import RWorker

    key, job, args, needs = _read(given)
    return RWorker.current().run_task(key, job, args, needs)


class RActor:
    """An R environment that lives in a process of its own; `driver` makes it a Ray actor."""

    def __init__(self, *given: Any) -> None:
        from ..r.worker import RWorker

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
