"""Open MPI's daemons, one on each node: mpirun asks for them, the nodes' own tasks start them.

mpirun runs `agent` where it would run ssh. The agent asks the control task through a socket in a
folder that is only the user's; control posts the order on the gang's board, and tells the agent how
the daemon ended.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
import socket
import sys

from .. import times
from ..exceptions import GangLostException
from ..gang.link.names import node_name
from ..gang.machine import processes
from ..gang.programs.agents import AgentNode
from ..signals.threads import start_thread
from . import agent
from .command import node_of
from .runtime import on_a_host


class Daemons:
    """The daemons of one mpirun, seen from control.

    Parameters
    ----------
    node : AgentNode
        Control's node.
    run : int
        The number of this mpirun in the step.
    folder : str
        Where the socket and the agent's script are made.
    version : int
        Open MPI's major version.
    """

    def __init__(self, node: AgentNode, run: int, folder: str, version: int) -> None:
        self._node, self._run, self._version = node, run, version
        self._orders: list[str] = []
        self._numbers = itertools.count()
        path = os.path.join(folder, "socket")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen(256)
        script = os.path.join(folder, "agent")
        python = [sys.executable, *processes.ALONE, agent.__file__, path]
        with open(script, "w") as file:
            file.write(f'exec {shlex.join(python)} "$@"\n')
        self.command = f"/bin/sh {script}"
        start_thread(self._serve, name="gangway-mpi")

    def stop(self) -> None:
        """Wait for the daemons' end, and end those that still run then."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        try:
            # How a daemon has ended by itself is known only as long as nobody ends it.
            self._wait(times.DAEMONS_LEAVE)
        finally:
            self._node.board.post(f"mpi/stop/{self._run}", True)
            self._wait(times.DAEMONS_STOP)

    def failures(self) -> dict[str, int]:
        """Return the daemons that have failed: what is to be said of each, and its exit status."""
        reports = self._node.board.read(f"mpi/ended/{self._run}/")
        return {
            f"{node_name(each['node'])}: Open MPI's daemon {each['text']}": int(each["status"])
            for each in reports.values()
            if each["status"]
        }

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError, GangLostException):
            self._node.board.wait(*map(ended, self._orders), seconds=seconds)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                start_thread(self._answer, peer)

    def _answer(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, GangLostException), peer:
            asked = json.loads(peer.makefile().readline())
            peer.sendall(str(self._start(asked["host"], asked["command"])).encode())

    def _start(self, host: str, command: str) -> int:
        node = node_of(host)
        if node is None or node >= self._node.spec.num_nodes:
            print(f"gangway: {host} is no node of this gang", file=sys.stderr)
            return 1
        if self._node.spec.local and self._version > 4:
            command = on_a_host(host, command)
        order = f"{self._run}/{node}/{next(self._numbers)}"
        self._orders.append(order)
        self._node.board.post(f"mpi/start/{node}/{order}", command)
        (report,) = self._node.board.wait(ended(order))
        return int(report["status"])


def ended(order: str) -> str:
    """Where on the board the end of a daemon is told."""
    return f"mpi/ended/{order}"
