"""A node on which the step's code starts programs: what torchrun, DeepSpeed and MPI share.

The step's code runs on every node. Where it calls the framework's `run`, each node starts the
framework's own agent, all agents meet at an address of control's, and a failure of any of them is
told to all.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..exceptions import LaunchException
from . import processes, rendezvous
from .launch import Launch, how_it_ended
from .node import GangNode, NodeSpec
from .output import Output, RankOf

# How long a node that has failed waits for what the others say: the first to fail is the cause.
_REPORT_SECONDS = 1.0

# Finds who has failed and how, in what an agent printed: the rank ("" for the agent) and a text.
Culprit = Callable[[Output], "tuple[str, str] | None"]


class AgentNode(GangNode):
    """A node without processes of its own, until the step's code launches some."""

    everywhere = True

    def __init__(self, spec: NodeSpec) -> None:
        super().__init__(spec)
        self._launches: list[Launch] = []
        self._runs = 0
        self._stopped = False

    def start(self, head: dict[str, Any] | None) -> None:
        pass

    def stop(self) -> None:
        self._stopped = True
        for launch in list(self._launches):
            launch.stop()

    def launch(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        rank_of: RankOf | None = None,
    ) -> Launch:
        """Start a command on this node, which ends with the node at the latest."""
        mark = processes.node_mark(self.spec.gang, self.spec.index)
        launch = Launch(mark, self.spec.index, command, environment, rank_of=rank_of)
        self._launches.append(launch)
        if self._stopped:
            launch.stop()
        return launch

    def meeting_point(self, port: int | None = None) -> tuple[str, int]:
        """The address and port of control at which the agents of the next run meet.

        Parameters
        ----------
        port : int, optional
            The port, unless a free one is to be taken.
        """
        self._runs += 1
        key = f"meet/{self._runs}"
        if self.spec.index == 0:
            self.board.post(key, [rendezvous.host(), port or free_port()])
        address, port = self.board.wait(key)[0]
        return address, port

    def run_agent(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        rank_of: RankOf | None = None,
        culprit: Culprit | None = None,
    ) -> None:
        """Run this node's agent to its end.

        Raises
        ------
        LaunchException
            When an agent has failed; it tells of all nodes where one has, the first one first.
        """
        launch = self.launch(command, environment, rank_of)
        status = launch.run()
        self._launches.remove(launch)
        if status:
            raise LaunchException(self._failures(_report(launch.output, status, culprit)))

    def _failures(self, mine: dict[str, Any]) -> str:
        prefix = f"failed/{self._runs}/"
        self.board.post(f"{prefix}{self.spec.index}", mine)
        keys = [f"{prefix}{i}" for i in range(self.spec.num_nodes)]
        with contextlib.suppress(TimeoutError):
            self.board.wait(*keys, seconds=_REPORT_SECONDS)
        known = {key.removeprefix(prefix): r for key, r in self.board.read(prefix).items()}
        first = sorted(known.items(), key=lambda item: item[1]["at"])
        return "\n".join(f"node {index}: {report['text']}" for index, report in first)


def _report(output: Output, status: int, culprit: Culprit | None) -> dict[str, Any]:
    found = culprit(output) if culprit else None
    rank, how = found or ("", how_it_ended(status))
    lines = output.last_lines(rank)
    who = f"rank {rank}" if rank else "the command"
    said = "; its last lines:" + "".join(f"\n    {line}" for line in lines) if lines else ""
    return {"text": f"{who} {how}{said}", "at": output.last_spoke(rank) or time.time()}


def free_port() -> int:
    """A TCP port that nobody uses at the moment."""
    with socket.create_server(("", 0)) as sock:
        return int(sock.getsockname()[1])
