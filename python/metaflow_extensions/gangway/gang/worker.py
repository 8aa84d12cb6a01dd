"""A worker task's life: join, start the node, stay until control says that the gang is over."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from .. import times
from ..exceptions import GangLostException
from ..signals.eviction import eviction_reason
from ..signals.threads import start_thread
from . import stages
from .environment import variables_set
from .link import channel
from .link.board import Board
from .link.channel import Channel, ChannelClosed
from .link.names import node_label
from .link.standstill import Standstill
from .machine import processes
from .node import GangNode
from .output.remote_output import reported
from .user_code import UserCode


class WorkerLifeline:
    """A worker's end of the lifeline.

    Parameters
    ----------
    address : str
        Control's ``host:port``.
    node : GangNode
        The node that this task owns.
    attempt : int
        The task's attempt.
    heartbeat_timeout : float
        Seconds of silence after which control counts as lost.
    """

    def __init__(
        self, address: str, node: GangNode, attempt: int, heartbeat_timeout: float
    ) -> None:
        self._node, self._timeout = node, heartbeat_timeout
        self._end: dict[str, Any] = {}
        self._ended: GangLostException | None = None
        self._left = threading.Event()
        self._standstill = Standstill(heartbeat_timeout)
        node.board = self._board = Board(
            lambda key, value: self.send("post", key=key, value=value),
            lambda topic, value: self.send("tell", topic=topic, value=value),
        )
        self._parent = os.getppid()
        host, _, port = address.rpartition(":")
        try:
            self._channel: Channel = channel.connect(host, int(port), node.spec.secret)
            self._channel.send("hello", index=node.spec.index, attempt=attempt, pid=os.getpid())
        except ChannelClosed as error:
            raise self._lost(f"could not join the gang: {error}") from error

    def receive(self, kind: str) -> dict[str, Any]:
        """Wait for a message of a kind; ``"end"`` is returned whenever it comes."""
        while True:
            try:
                said = self._channel.poll(times.TICK)
                if pause := self._standstill.look():
                    self._channel.excuse(pause)
                if said:
                    message = self._channel.receive()
                    if message["type"] == "post":
                        self._board.take(message["key"], message["value"])
                    elif message["type"] in (kind, "end"):
                        return message
                self._beat()
            except (ChannelClosed, OSError) as error:
                raise self._lost(f"lost control: {error}") from error
            self._check()

    def work(self, step_code: Callable[[], None], take_down: Callable[[], None]) -> dict[str, Any]:
        """Run the step's code here; return control's message that the gang is over.

        Code that does not end when the gang is lost is killed with this process, after a call of
        `take_down`.
        """
        code = UserCode(lambda lost: take_down())
        thread = start_thread(self._follow, code)
        try:
            with variables_set(self._node.environment()):
                code.run(step_code)
        except BaseException as error:
            said = getattr(error, "message", None) or str(error)
            self.send("failed", why=f"{type(error).__name__}: {said}")
            raise
        self.send("finished")
        while thread.is_alive():
            thread.join(1)
        if self._ended is not None:
            raise self._ended
        return self._end

    def _follow(self, code: UserCode) -> None:
        try:
            self._end = self.receive("end")
            raise_unless_done(self._end, self._node.spec.index)
        except GangLostException as lost:
            self._ended = lost
            self._board.close(lost)
            code.lose(lost)

    def send(self, kind: str, **fields: Any) -> None:
        with contextlib.suppress(ChannelClosed):
            self._channel.send(kind, **fields)

    def linger(self) -> None:
        """Stay connected while Metaflow stores this task's results, until `leave`."""
        start_thread(self._linger, name="gangway-linger")

    def leave(self, stored: bool) -> None:
        """Let control know that it needs to wait no longer for this task."""
        if stored:
            self.send("stored")
        self._left.set()

    def _linger(self) -> None:
        while not self._left.wait(times.beat(self._timeout)):
            self.send("beat")
        self._channel.close()

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._channel.heard > self._timeout:
            raise self._lost(f"heard nothing from control for {self._timeout:g} s")
        if now - self._channel.sent > times.beat(self._timeout):
            self._channel.send("beat")

    def _check(self) -> None:
        if self._node.spec.local and os.getppid() != self._parent:
            raise self._lost("lost control: its process is gone")
        if why := self._node.failure() or eviction_reason():
            self.send("failed", why=why)
            raise GangLostException(f"Node {node_label(self._node.spec.index)} failed: {why}")

    def _lost(self, why: str) -> GangLostException:
        return GangLostException(
            f"Node {node_label(self._node.spec.index)} {why}. The control task's log says why."
        )


def run_worker(
    node: GangNode,
    address: str,
    attempt: int,
    heartbeat_timeout: float,
    step_code: Callable[[], None],
    before_kill: Callable[[], None],
) -> WorkerLifeline:
    """Be a worker of the gang until it is over; raise unless control says that it is done.

    Parameters
    ----------
    node : GangNode
        This task's node.
    address : str
        Control's ``host:port``.
    attempt : int
        The task's attempt.
    heartbeat_timeout : float
        Seconds of silence after which control counts as lost.
    step_code : callable
        The step's code, which runs here where the framework wants that.
    before_kill : callable
        Called before this process says that it kills itself, because the code does not end.

    Returns
    -------
    WorkerLifeline
        What `leave` is to be called on when the task is done.
    """
    ended = False

    def take_down() -> None:
        node.stop()
        if node.spec.local:
            # Control may have been killed without a chance to clean up after itself.
            processes.stop_everywhere(node.spec.gang)

    def take_down_for_good() -> None:
        take_down()
        before_kill()

    try:
        line = WorkerLifeline(address, node, attempt, heartbeat_timeout)
        report = contextlib.nullcontext() if node.spec.local else reported(node.board)
        stages.announce("meeting", node)
        with report:
            message = line.receive("head")
            if message["type"] == "head":
                node.start(message["head"])
                message = (
                    line.work(step_code, take_down_for_good)
                    if node.everywhere
                    else line.receive("end")
                )
            node.stop()
        line.send("gone")
        ended = True
    finally:
        if not ended:
            take_down()
    raise_unless_done(message, node.spec.index)
    line.linger()
    return line


def raise_unless_done(end: dict[str, Any], index: int) -> None:
    """Raise if control has ended the gang for a failure."""
    if end["outcome"] != "done":
        why = f"ends because the control task failed: {end['why']}"
        raise GangLostException(f"Node {node_label(index)} {why}")
