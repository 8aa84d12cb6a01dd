"""Conditions of tasks that still run, for the process that waits for them.

They lie in the cluster's key-value store, where the reader takes them: no process and no port of
their own, and nothing to pay for tasks that send none.
"""

from __future__ import annotations

from typing import Any

from ..ray import private

_PREFIX = b"gangway-immediate/"


def send_condition(key: str, data: bytes) -> None:
    """Leave a condition; the keys of one sender are in the order of the alphabet."""
    private.put(_PREFIX + key.encode(), bytes(data))


def take_conditions(prefix: str) -> dict[str, Any]:
    """Take the conditions whose keys begin so, in the order of their keys."""
    taken = private.take(_PREFIX + prefix.encode())
    return {
        "key": [key.removeprefix(_PREFIX).decode() for key in taken],
        "size": [len(data) for data in taken.values()],
        "bytes": bytearray().join(taken.values()),
    }
