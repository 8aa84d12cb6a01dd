"""`current.deepspeed`, and the same for a single node."""

from __future__ import annotations

import os
from typing import Any

from ..gang.programs.agents import Agent, AgentNode, Meeting
from ..gang.programs.arguments import Arguments, command_line
from ..gang.programs.executor import AgentExecutor, run_alone
from ..gang.programs.scripts import find_script
from .command import ENVIRONMENT, culprit, deepspeed_command, hostfile, rank_of_file


class DeepspeedExecutor(AgentExecutor):
    """What a step with `@deepspeed` finds as `current.deepspeed`.

    Parameters
    ----------
    node : AgentNode
        This task's node.
    flow_datastore : FlowDataStore
        The run's datastore.
    folder : str
        The framework's folder there.
    slots : list of int
        Processes on each node.
    """

    def __init__(self, node: AgentNode, flow_datastore: Any, folder: str, slots: list[int]) -> None:
        super().__init__(node, flow_datastore, folder)
        self._slots = slots

    def run(
        self,
        deepspeed_args: Arguments = None,
        entrypoint: str | None = None,
        entrypoint_args: Arguments = None,
        push_results_dir_to_cloud: bool = False,
        local_output_dir: str | None = None,
        cloud_output_dir: str | None = None,
    ) -> str | None:
        """Run a script with deepspeed, on every node of the gang.

        Parameters
        ----------
        deepspeed_args : dict or list
            Options for deepspeed, as ``{"bind_cores_to_rank": None}`` or
            ``["--bind_cores_to_rank"]``.
        entrypoint : str
            The script, in the working folder or beside the flow.
        entrypoint_args : dict or list
            The script's arguments: ``{"epochs": 2, "verbose": None}`` is ``--epochs 2 --verbose``.
        push_results_dir_to_cloud : bool
            Whether to keep what each node writes to `local_output_dir`, on the run's datastore.
        local_output_dir, cloud_output_dir : str
            The folder that the script writes to, and its name on the datastore.

        Returns
        -------
        str or None
            Where the results are kept, with a folder for each node.

        Raises
        ------
        LaunchException
            When a rank has failed on any node, with its last lines.
        """
        arguments = (deepspeed_args, entrypoint, command_line(entrypoint_args))
        agent = _agent("current.deepspeed.run", *arguments, self._slots, self._node.gpus)
        return self.run_and_push(
            agent, push_results_dir_to_cloud, local_output_dir, cloud_output_dir
        )

    @classmethod
    def for_single_node(cls, flow: Any, use_gpu: bool = False, n_slots: int = 1) -> _SingleNode:
        """Return an executor for a task that is no gang, with `n_slots` processes."""
        return _SingleNode(n_slots)


class _SingleNode:
    def __init__(self, slots: int) -> None:
        self._slots = slots

    def run(
        self,
        deepspeed_args: Arguments = None,
        entrypoint: str | None = None,
        entrypoint_args: Arguments = None,
    ) -> None:
        """Run a script with deepspeed; the arguments are those of `current.deepspeed.run`."""
        arguments = (deepspeed_args, entrypoint, command_line(entrypoint_args))
        run_alone(_agent("DeepspeedExecutor.run", *arguments, [self._slots], ()))


def _agent(
    call: str,
    deepspeed_args: Arguments,
    entrypoint: str | None,
    arguments: list[str],
    slots: list[int],
    gpus: Any,
) -> Agent:
    script = find_script(entrypoint, call)
    # DeepSpeed chooses from all GPUs of the machine by their place, for each node its own.
    last = max((int(name) + 1 for each in gpus for name in each), default=0)
    places = [max(each, last) for each in slots]

    def command(meeting: Meeting) -> list[str]:
        with open(os.path.join(meeting.folder, "hostfile"), "w") as file:
            file.write(hostfile(places))
        return deepspeed_command(meeting, script, arguments, deepspeed_args, gpus)

    return Agent(call, command, ENVIRONMENT, culprit=culprit, rank_of_file=rank_of_file)
