"""What the step's code finds on `current` to run a script on all nodes."""

from __future__ import annotations

import os
import secrets
import sys
from typing import Any

from metaflow.metaflow_current import current

from ...exceptions import GangAttributeException, LaunchException
from ...mf.storage import push_results
from ..link import rendezvous
from ..link.names import node_name
from ..machine import processes
from ..machine.ports import free_port
from .agents import Agent, AgentNode, Meeting, report
from .launch import Launch


class AgentExecutor:
    """Base of the executors: the agents of all nodes run one script together.

    Parameters
    ----------
    node : AgentNode
        This task's node.
    flow_datastore : FlowDataStore
        The run's datastore.
    folder : str
        The framework's folder there.
    """

    def __init__(self, node: AgentNode, flow_datastore: Any, folder: str) -> None:
        self._node, self._flow_datastore, self._folder = node, flow_datastore, folder

    def run_and_push(
        self,
        agent: Agent,
        push: bool,
        local: str | None,
        cloud: str | None,
        port: int | None = None,
    ) -> str | None:
        """Run the agents; keep what this node has written to a folder, if that is wanted."""
        if push and not local:
            raise GangAttributeException(
                f"{agent.call}: push_results_dir_to_cloud=True needs local_output_dir=, the folder "
                "that the script writes to."
            )
        self._node.run_agent(agent, port)
        if not push or local is None:
            return None
        index = self._node.spec.index
        if not os.path.isdir(local):
            print(
                f"{agent.call}: {node_name(index)} has no folder {local} to keep.", file=sys.stderr
            )
            return None
        return push_results(self._flow_datastore, self._folder, local, cloud, index)


def run_alone(agent: Agent) -> None:
    """Run one agent in a task that is no gang."""
    mark = processes.node_mark(secrets.token_hex(4), 0)
    folder = processes.make_folder(mark)
    try:
        meeting = Meeting(rendezvous.host(), free_port(), 1, 0, folder)
        launch = Launch(mark, 0, agent.command(meeting), agent.environment, rank_of=agent.rank_of)
        agent.follow(launch, meeting)
        status = launch.run()
    finally:
        processes.remove_folder(folder)
    if status:
        text = report(launch.output, status, agent.culprit)["text"]
        raise LaunchException(f"{agent.call} in {current.pathspec}: {text}")
