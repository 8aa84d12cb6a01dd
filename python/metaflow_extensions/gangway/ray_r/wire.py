"""What goes between R and Ray's workers: values, messages, errors.

Imports no Ray and no Metaflow.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Sequence
from typing import Any

# Bytes from which a value is kept apart from the message that carries it: Ray's object store then
# holds it once a node, and readers look at it where it lies.
LARGE = 64 * 1024
# How tasks end. R has their names in the same order: `task_ends` in runtime/shared/ray-core.R.
OK_SMALL, OK_LARGE, R_ERROR, FAILED = range(4)
# The head of a value with which nothing was said.
SILENT = bytes(4)
# Before the name of what a task needs, where no other will: no worker keeps it.
ONCE = "once "
# The length of a job's hash.
_KEY = 32
_LENGTH = struct.Struct("<I")
# The numbers of a reference and of a job, as R has integers.
_QUICK = struct.Struct("=ii")


class Blob:
    """Bytes that Ray keeps in shared memory and hands out without copying, and what stands before.

    Parameters
    ----------
    data : bytes-like
        The bytes.
    head : bytes
        Of a value, what was said when it was made; see `pack_value`.
    front : bytes
        Of a vector of numbers, what R's serialization has before them: then `data` are the numbers,
        which Ray takes from R's own memory.
    owner : object
        Whom that belongs to.
    """

    __slots__ = ("data", "front", "head", "owner")

    def __init__(self, data: Any, head: bytes = b"", front: bytes = b"", owner: Any = None) -> None:
        self.data = data
        self.head = head
        self.front = front
        self.owner = owner

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Blob, (pickle.PickleBuffer(self.data), self.head, self.front)


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
    """Do the same with a value as runtime's ``write_value()`` writes it.

    First come four bytes, the length of what follows: R's serialization of the conditions that go
    with it, or nothing. Then comes R's serialization of the value. Nothing is told by what the
    value's own bytes are.
    """
    if len(data) < LARGE:
        return bytes(data)
    view = memoryview(data)
    start = _value_start(view)
    return Blob(view[start:], bytes(view[:start]))


def unpack_value(value: Any) -> tuple[bytes, bytes, Any]:
    """Return a packed value's head, its front (see `Blob`), and the rest, without a copy."""
    if isinstance(value, Blob):
        return value.head, value.front, memoryview(value.data)
    start = _value_start(value)
    return value[:start], b"", memoryview(value)[start:]


def _value_start(data: Any) -> int:
    return _LENGTH.size + int(_LENGTH.unpack_from(data)[0])


def message(job: Any, key: bytes, args: Any) -> tuple[Any, ...]:
    """Make what a task is given: where all is small one string, which Ray handles quickest.

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
        return (b"".join((key, _LENGTH.pack(len(job)), job, args)),)
    return key, job, pack(args)


def read_message(
    given: Sequence[Any], get: Callable[[Any], Any]
) -> tuple[bytes, Callable[[], Any], Any, Sequence[Any]]:
    """Read what `message` has made.

    Parameters
    ----------
    given : sequence
        What a task was given: a message, and more.
    get : callable
        Gets what a reference stands for.

    Returns
    -------
    tuple
        The job's key, a function that gets the job, the arguments, and what follows the message.
    """
    first = given[0]
    if len(first) == _KEY:
        job = given[1]
        fetch = (lambda: unpack(get(job[0]))) if isinstance(job, list) else (lambda: job)
        return first, fetch, unpack(given[2]), given[3:]
    start = _KEY + _LENGTH.size
    end = start + int(_LENGTH.unpack_from(first, _KEY)[0])
    return first[:_KEY], lambda: first[start:end], first[end:], given[1:]


def pack_calls(calls: Sequence[bytes]) -> bytes:
    """Put the arguments of several calls into one string: how many, how long each is, and all."""
    sizes = struct.pack(f"<{len(calls) + 1}I", len(calls), *map(len, calls))
    return sizes + b"".join(calls)


def unpack_calls(data: Any) -> list[bytes]:
    """Undo `pack_calls`."""
    count = _LENGTH.unpack_from(data)[0]
    start = _LENGTH.size * (count + 1)
    calls = []
    for size in struct.unpack_from(f"<{count}I", data, _LENGTH.size):
        calls.append(bytes(data[start : start + size]))
        start += size
    return calls


def read_submission(data: bytes) -> tuple[int, int, bytes]:
    """Read what runtime's ``submit()`` has written: a reference, a job, and the arguments."""
    return *_QUICK.unpack_from(data), data[_QUICK.size :]


def failure(kind: str, text: str) -> bytes:
    """Write what runtime's ``failure_text()`` reads."""
    return f"{kind}\n{text}".encode()
