"""A node on which the step's code starts programs: what torchrun, DeepSpeed and MPI share.

The step's code runs on every node. Where it calls the framework's `run`, each node starts the
framework's own agent, all agents meet at an address of control's, and a failure of any of them is
told to all.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ...exceptions import GangLostException, LaunchException
from ..link.names import node_name
from ..machine import processes
from ..machine.gpus import share_out, visible_gpus
from ..machine.ports import free_port
from ..node import GangNode, NodeSpec
from ..output.output import Output, RankOf
from .launch import Launch, how_it_ended

# How long a node that has failed waits for what the others say: the first to fail is the cause.
_REPORT_SECONDS = 1.0

# Finds in what an agent has printed which rank has failed, and its exit status.
Culprit = Callable[[Output], "tuple[str, int] | None"]


class Meeting(NamedTuple):
    """Where the agents of one run meet, and what one of them has for itself."""

    address: str
    port: int
    num_nodes: int
    node: int
    folder: str


class Agent(NamedTuple):
    """The program of a framework that runs a script on one node.

    Parameters
    ----------
    call : str
        What the user calls to run it, for messages.
    command : callable
        Gives its command line for a meeting.
    environment : dict
        Variables beside those of the task.
    rank_of : callable, optional
        Splits a line of its output into rank and text.
    culprit : callable, optional
        Finds the rank that has failed, and its exit status.
    rank_of_file : callable, optional
        Gives the rank that writes its output to a file ``*.log`` in the meeting's folder.
    """

    call: str
    command: Callable[[Meeting], list[str]]
    environment: dict[str, str]
    rank_of: RankOf | None = None
    culprit: Culprit | None = None
    rank_of_file: Callable[[str], str] | None = None

    def follow(self, launch: Launch, meeting: Meeting) -> None:
        """Show what the ranks write to files, if they do."""
        if self.rank_of_file is not None:
            launch.output.follow_files(os.path.join(meeting.folder, "*.log"), self.rank_of_file)


class AgentNode(GangNode):
    """A node without processes of its own, until the step's code launches some."""

    everywhere = True

    def __init__(self, spec: NodeSpec) -> None:
        super().__init__(spec)
        self._mark = processes.node_mark(spec.gang, spec.index)
        # The GPUs of each node, where the nodes share a machine.
        found = visible_gpus() if spec.local else []
        self.gpus = share_out(found, spec.wishes("gpu"))
        self._launches: list[Launch] = []
        self._runs = 0
        self._stopped = False

    def start(self, head: dict[str, Any] | None) -> None:
        pass

    def environment(self) -> dict[str, str]:
        shared = any(self.gpus)
        return {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus[self.spec.index])} if shared else {}

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
        launch = Launch(self._mark, self.spec.index, command, environment, rank_of=rank_of)
        self._launches.append(launch)
        if self._stopped:
            launch.stop()
        return launch

    def run_agent(self, agent: Agent, port: int | None = None) -> None:
        """Run this node's agent to its end; the other nodes do the same.

        Parameters
        ----------
        agent : Agent
            What to run.
        port : int, optional
            The port of the meeting; a free one by default.

        Raises
        ------
        LaunchException
            When an agent has failed; it tells of all nodes where one has, the first one first.
        """
        self._runs += 1
        address, port = self._meeting_point(port)
        folder = processes.make_folder(self._mark)
        try:
            meeting = Meeting(address, port, self.spec.num_nodes, self.spec.index, folder)
            launch = self.launch(agent.command(meeting), agent.environment, agent.rank_of)
            agent.follow(launch, meeting)
            status = launch.run()
            self._launches.remove(launch)
        finally:
            processes.remove_folder(folder)
        if status:
            mine = report(launch.output, status, agent.culprit)
            raise LaunchException(f"{agent.call}:\n{self._failures(mine)}")

    def _meeting_point(self, port: int | None) -> tuple[str, int]:
        # A port of its own for each run: the one before may not have let go of its port.
        key = f"meet/{self._runs}"
        if self.spec.index == 0:
            self.board.post(key, [self.spec.address, port or free_port()])
        ((address, agreed),) = self.board.wait(key)
        return address, agreed

    def _failures(self, mine: dict[str, Any]) -> str:
        prefix = f"failed/{self._runs}/"
        self.board.post(f"{prefix}{self.spec.index}", mine)
        keys = [f"{prefix}{i}" for i in range(self.spec.num_nodes)]
        with contextlib.suppress(TimeoutError, GangLostException):
            self.board.wait(*keys, seconds=_REPORT_SECONDS)
        known = {key.removeprefix(prefix): r for key, r in self.board.read(prefix).items()}
        first = sorted(known.items(), key=lambda item: item[1]["at"])
        return "\n".join(f"{node_name(int(index))}: {each['text']}" for index, each in first)


def report(output: Output, status: int, culprit: Culprit | None) -> dict[str, Any]:
    """Say who has failed on a node, how and when, with the last lines."""
    rank, status = (culprit(output) if culprit else None) or ("", status)
    lines = output.last_lines(rank)
    said = "; its last lines:" + "".join(f"\n    {line}" for line in lines) if lines else ""
    who = f"rank {rank}" if rank else "the command"
    spoke = output.last_spoke(rank) or time.time()
    return {"text": f"{who} {how_it_ended(status)}{said}", "at": spoke}
