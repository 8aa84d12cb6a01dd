"""What the nodes of a gang tell each other: small values by key, which every node comes to know.

Frameworks agree on ports and addresses with it, order work of another node, and report failures.
Values travel over the lifeline, through control.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ...exceptions import GangLostException

Listener = Callable[[str, Any], None]
Hearer = Callable[[int, Any], None]


class Board:
    """A node's copy of the gang's board.

    Parameters
    ----------
    send : callable
        Passes a key and a value on to the other nodes.
    tell : callable, optional
        On a worker: passes a topic and a value on to control.
    """

    def __init__(
        self,
        send: Callable[[str, Any], None],
        tell: Callable[[str, Any], None] | None = None,
    ) -> None:
        self._send, self._tell = send, tell
        self._values: dict[str, Any] = {}
        self._listeners: dict[str, Listener] = {}
        self._hearers: dict[str, Hearer] = {}
        self._changed = threading.Condition()
        self._lost: GangLostException | None = None

    def post(self, key: str, value: Any) -> None:
        """Let every node know a value (what JSON can carry, below 1 MB); keys are used once."""
        self.take(key, value)
        self._send(key, value)

    def read(self, prefix: str) -> dict[str, Any]:
        """All that is known so far under keys that begin with a prefix."""
        with self._changed:
            return {k: v for k, v in self._values.items() if k.startswith(prefix)}

    def wait(self, *keys: str, seconds: float | None = None) -> list[Any]:
        """Wait until some keys are known, and return their values.

        Raises
        ------
        GangLostException
            When the gang is lost meanwhile.
        TimeoutError
            When `seconds` are over.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            while not all(key in self._values for key in keys):
                if self._lost is not None:
                    raise self._lost
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError
                self._changed.wait(left)
            return [self._values[key] for key in keys]

    def listen(self, prefix: str, listener: Listener) -> None:
        """Call a function with each key and value under a prefix, those known already included.

        It is called from the thread that receives messages, so it must not take long.
        """
        with self._changed:
            self._listeners[prefix] = listener
        for key, value in self.read(prefix).items():
            listener(key, value)

    def tell(self, topic: str, value: Any) -> None:
        """Let control alone know a value; nobody keeps it, so there may be any number of them."""
        if self._tell is None:
            self.told(0, topic, value)
        else:
            self._tell(topic, value)

    def hear(self, topic: str, hearer: Hearer) -> None:
        """On control: call a function with each node's index and what it tells.

        It is called from the thread that receives messages, so it must not take long.
        """
        self._hearers[topic] = hearer

    def told(self, node: int, topic: str, value: Any) -> None:
        """On control: hand over what a node has told."""
        if hearer := self._hearers.get(topic):
            hearer(node, value)

    def take(self, key: str, value: Any) -> None:
        """Note a value that has arrived."""
        with self._changed:
            self._values[key] = value
            self._changed.notify_all()
            listeners = [f for prefix, f in self._listeners.items() if key.startswith(prefix)]
        for listener in listeners:
            listener(key, value)

    def close(self, lost: GangLostException) -> None:
        """Note that the gang is lost: nobody needs to wait any longer."""
        with self._changed:
            self._lost = lost
            self._changed.notify_all()
