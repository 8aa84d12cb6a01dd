"""Control's end of the lifeline: an open connection to every worker, watched by a thread.

The thread welcomes workers, passes on the head's address, keeps the heartbeat, and looks at
everything else whose loss ends the gang. It reports the first loss and stays until it is stopped.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.connection import wait
from typing import Any

from ... import times
from ...exceptions import GangLostException
from ...signals.bell import Bell
from ...signals.threads import start_thread
from . import channel
from .board import Board
from .channel import Channel, ChannelClosed
from .names import node_label, node_name
from .standstill import Standstill

# The nodes that it finds lost, and why; 0 is control, or the run.
Check = Callable[[], Mapping[int, str]]


class ControlLifeline:
    """Meets the workers and watches them.

    Parameters
    ----------
    host : str
        The address to listen on.
    secret : bytes
        The gang's secret.
    num_nodes : int
        Nodes of the gang, control included.
    attempt : int
        The task's attempt; workers of another one are turned away.
    heartbeat_timeout : float
        Seconds of silence after which a worker counts as lost.
    on_loss : callable
        Called once, from the thread, with the exception that ends the gang.
    where : str, optional
        The decorator, step and flow, for messages.
    ends_by : callable, optional
        Called with each worker that is lost, and why; returns why the gang ends by that, or an
        empty string if it goes on without the worker.
    """

    def __init__(
        self,
        host: str,
        secret: bytes,
        num_nodes: int,
        attempt: int,
        heartbeat_timeout: float,
        on_loss: Callable[[GangLostException], None],
        where: str = "",
        ends_by: Callable[[int, str], str] = lambda index, why: why,
    ) -> None:
        self._secret, self._num_nodes, self._attempt = secret, num_nodes, attempt
        self._timeout, self._on_loss = heartbeat_timeout, on_loss
        self._where, self._ends_by = where, ends_by
        channel.allow_connections(num_nodes)
        self._socket = channel.listen(host)
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        self._lock = threading.RLock()
        self._peers: dict[int, Channel] = {}
        self._gone: set[int] = set()
        self._stored: set[int] = set()
        self._left: dict[int, str] = {}
        self._closed: dict[int, str] = {}
        self._without: set[int] = set()
        self._finished: set[int] = set()
        self._head: dict[str, Any] | None = None
        self._ending = False
        self._stopped, self._bell = threading.Event(), Bell()
        self._welcoming = 0
        self._hearing_out = False
        self._standstill = Standstill(heartbeat_timeout)
        self.checks: list[Check] = []
        self.board = Board(self._pass_on)
        self.lost: GangLostException | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._standstill.look()
        self._thread = start_thread(self._run, name="gangway-lifeline")

    @property
    def connected(self) -> set[int]:
        """The indices of the workers that have joined the lifeline, without those that are lost."""
        with self._lock:
            return set(self._peers) - self._without

    @property
    def working(self) -> set[int]:
        """The indices of the workers whose step code has not ended."""
        return self.connected - self._finished

    def announce(self, head: dict[str, Any]) -> None:
        """Tell every worker, also those that come later, what it needs to join."""
        with self._lock:
            self._head = head
            peers = list(self._peers.values())
        for peer in peers:
            with contextlib.suppress(ChannelClosed):
                peer.send("head", head=head)

    def end(self, outcome: str, why: str = "") -> None:
        """Tell the workers that the gang is over: ``"done"`` or ``"failed"``."""
        with self._lock:
            self._ending = True
            peers = dict(self._peers)
        for index, peer in peers.items():
            try:
                peer.send("end", outcome=outcome, why=why)
            except ChannelClosed:
                self._leave(index, _ended_early(index))

    def wait_gone(self, seconds: float = times.NODES_DOWN) -> set[int]:
        """Wait until the workers' nodes are down; return the indices of those that are not."""
        deadline = time.monotonic() + seconds
        while (left := self.connected - self._gone) and time.monotonic() < deadline:
            time.sleep(0.01)
        return left

    def stored(self) -> bool:
        """Whether all workers' tasks have stored their results; raises if one never will."""
        for index in sorted(self._left.keys() - self._stored - self._without):
            if why := self._ends_without(index, self._left[index]):
                raise self.loss(why)
        return self.connected <= self._stored

    def stop(self) -> None:
        """Close everything."""
        self._stopped.set()
        self._bell.ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)
        self._bell.close()
        self._socket.close()
        for peer in self._peers.values():
            peer.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._turn()
            except Exception as error:
                self._lose(f"the lifeline of control itself failed: {error!r}")
                return

    def _turn(self) -> None:
        self._listen(times.TICK)
        self._beat()
        if not self._ending and self.lost is None:
            for check in self.checks:
                for index, why in check().items():
                    if index not in self._without:
                        self._hear_out()
                        self._lose(why, index)
            self._lose_closed()

    def _listen(self, seconds: float) -> bool:
        """Read what peers have said, or say within some time; return whether there was anything."""
        with self._lock:
            peers = {peer: i for i, peer in self._peers.items() if i not in self._left}
        # wait() takes whatever has a fileno().
        waiting: list[Any] = [self._bell, self._socket, *peers]
        found = wait(waiting, timeout=seconds)
        if pause := self._standstill.look():
            for peer in peers:
                peer.excuse(pause)
        for ready in found:
            if ready is self._socket:
                self._accept()
            elif isinstance(ready, Channel):
                index = peers[ready]
                self._read(index, ready)
                while index not in self._left and ready.poll(0):
                    self._read(index, ready)
        return bool(found)

    def _hear_out(self) -> None:
        """Hear what workers have said before their ends, also those that join only to say it."""
        if self._hearing_out:
            return
        self._hearing_out = True
        deadline = time.monotonic() + times.LAST_WORDS
        while time.monotonic() < deadline and not self._stopped.wait(0.001):
            welcoming = self._welcoming  # before: who is here by now may have more to say
            if not self._listen(0) and not welcoming:
                break
        self._hearing_out = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            sock, _ = self._socket.accept()
            with self._lock:
                self._welcoming += 1
            # In a thread of its own: a stranger that connects and says nothing holds up nobody.
            start_thread(self._welcome, sock)

    def _welcome(self, sock: socket.socket) -> None:
        try:
            self._meet(sock)
        finally:
            with self._lock:
                self._welcoming -= 1

    def _meet(self, sock: socket.socket) -> None:
        peer: Channel | None = None
        try:
            peer = channel.welcome(sock, self._secret)
            hello = peer.receive()
            index = hello.get("index")
            with self._lock:
                if (
                    hello["type"] != "hello"
                    or hello.get("attempt") != self._attempt
                    or not isinstance(index, int)
                    or not 0 < index < self._num_nodes
                    or index in self._peers
                    or self._ending
                ):
                    raise ChannelClosed("it has no place in this gang")
                self._peers[index] = peer
                # One that has left already may have said why: that is for the thread to read.
                with contextlib.suppress(ChannelClosed):
                    if self._head is not None:
                        peer.send("head", head=self._head)
                    for key, value in self.board.read("").items():
                        peer.send("post", key=key, value=value)
        except ChannelClosed:
            if peer is not None:
                peer.close()

    def _read(self, index: int, peer: Channel) -> None:
        try:
            message = peer.receive()
        except ChannelClosed as error:
            self._leave(index, _ended_early(index))
            self._closed[index] = str(error)
            self._lose_closed()
            return
        if message["type"] == "post":
            self.board.take(message["key"], message["value"])
            self._pass_on(message["key"], message["value"], index)
        elif message["type"] == "tell":
            self.board.told(index, message["topic"], message["value"])
        elif message["type"] == "finished":
            self._finished.add(index)
        elif message["type"] == "gone":
            self._gone.add(index)
        elif message["type"] == "stored":
            self._stored.add(index)
            self._leave(index, "")
        elif message["type"] == "failed":
            self._lose(f"{node_name(index)} failed: {message.get('why')}", index)

    def _pass_on(self, key: str, value: Any, sender: int = 0) -> None:
        with self._lock:
            peers = {i: peer for i, peer in self._peers.items() if i not in (sender, *self._left)}
        for peer in peers.values():
            with contextlib.suppress(ChannelClosed):
                peer.send("post", key=key, value=value)

    def _beat(self) -> None:
        now = time.monotonic()
        with self._lock:
            peers = {i: peer for i, peer in self._peers.items() if i not in self._left}
        for index, peer in peers.items():
            if now - peer.heard > self._timeout:
                silent = (
                    f"{node_name(index)} was silent for {self._timeout:g} s: its task is stopped, "
                    "its machine has too much to do, or the network between them is cut. A larger "
                    "heartbeat_timeout= waits longer"
                )
                self._leave(index, silent)
                self._lose(silent, index)
            elif now - peer.sent > times.beat(self._timeout):
                with contextlib.suppress(ChannelClosed):
                    peer.send("beat")

    def _leave(self, index: int, why: str) -> None:
        self._gone.add(index)
        self._left.setdefault(index, why)

    def _lose_closed(self) -> None:
        """Lose who has closed its connection, when all has been heard that was said before."""
        while self._closed and not self._hearing_out:
            index = next(iter(self._closed))
            error = self._closed.pop(index)
            if self.lost is None and not self._ending:
                why = self._cause(index) or f"{node_name(index)} was lost: {error}"
                self._hear_out()
                self._lose(why, index)

    def _cause(self, index: int) -> str | None:
        # A process that dies closes its connections first: look a moment later how it ended.
        for _ in range(25):
            for check in self.checks:
                found = check()
                if why := found.get(index) or found.get(0):
                    return why
            time.sleep(0.02)
        return None

    def _lose(self, why: str, index: int = 0) -> None:
        with self._lock:
            if self.lost is not None or self._ending or index in self._without:
                return
            if index and not (why := self._ends_without(index, why)):
                return
            if (pause := self._standstill.latest) > self._timeout:
                why = (
                    f"control's task stood still for {pause:.0f} s (it was stopped, or its machine "
                    f"was), and the others wait heartbeat_timeout={self._timeout:g} s for a sign "
                    f"of it: {why}"
                )
            self.lost = self.loss(why)
        self.board.close(self.lost)
        self._on_loss(self.lost)

    def _ends_without(self, index: int, why: str) -> str:
        if ends := self._ends_by(index, why):
            return ends
        self._leave(index, why)
        self._without.add(index)
        return ""

    def loss(self, why: str) -> GangLostException:
        """Return the error of a gang that is lost, which says where."""
        return GangLostException(f"{self._where}: {why}" if self._where else why)


def _ended_early(index: int) -> str:
    return (
        f"the task of {node_name(index)} ended before it had stored its results; its own log says "
        "why"
    )


def missing(expected: Iterable[int], present: Iterable[int]) -> str:
    """Name the nodes that are not there, as in ``nodes 1, 3``."""
    absent = sorted(set(expected) - set(present))
    return ("node " if len(absent) == 1 else "nodes ") + ", ".join(map(node_label, absent))
