"""`current.torch`, and the same for a single node."""

from __future__ import annotations

from functools import partial

from ..gang.programs.agents import Agent
from ..gang.programs.arguments import Arguments, command_line
from ..gang.programs.executor import AgentExecutor, run_alone
from ..gang.programs.scripts import find_script, require_library
from .command import ENVIRONMENT, culprit, rank_of, torchrun_command


class TorchrunExecutor(AgentExecutor):
    """What a step with `@torchrun` finds as `current.torch`."""

    def run(
        self,
        torchrun_args: Arguments = None,
        entrypoint: str | None = None,
        entrypoint_args: Arguments = None,
        nproc_per_node: int | None = None,
        push_results_dir_to_cloud: bool = False,
        local_output_dir: str | None = None,
        cloud_output_dir: str | None = None,
        entrypoint_args_raw: Arguments = None,
    ) -> str | None:
        """Run a script with torchrun, on every node of the gang.

        Parameters
        ----------
        torchrun_args : dict or list
            Options for torchrun, as ``{"max-restarts": 3}`` or ``["max-restarts", 3]``.
        entrypoint : str
            The script, in the working folder or beside the flow.
        entrypoint_args : dict or list
            The script's arguments: ``{"epochs": 2, "verbose": None}`` is ``--epochs 2 --verbose``.
        nproc_per_node : int, optional
            Processes on each node; the decorator's by default.
        push_results_dir_to_cloud : bool
            Whether to keep what each node writes to `local_output_dir`, on the run's datastore.
        local_output_dir, cloud_output_dir : str
            The folder that the script writes to, and its name on the datastore.
        entrypoint_args_raw : list of str, optional
            More arguments of the script, passed on as they are.

        Returns
        -------
        str or None
            Where the results are kept, with a folder for each node.

        Raises
        ------
        LaunchException
            When a rank has failed on any node, with its last lines.
        """
        attributes = self._node.spec.attributes
        agent = torchrun_agent(
            "current.torch.run",
            torchrun_args,
            entrypoint,
            command_line(entrypoint_args) + command_line(entrypoint_args_raw),
            nproc_per_node,
            attributes["nproc_per_node"],
        )
        return self.run_and_push(
            agent,
            push_results_dir_to_cloud,
            local_output_dir,
            cloud_output_dir,
            attributes["master_port"],
        )


class TorchrunSingleNodeMultiGPU:
    """Runs torchrun in a task that is no gang."""

    def run(
        self,
        torchrun_args: Arguments = None,
        entrypoint: str | None = None,
        entrypoint_args: Arguments = None,
        nproc_per_node: int | None = None,
    ) -> None:
        """Run a script with torchrun; the arguments are those of `current.torch.run`."""
        call = "TorchrunSingleNodeMultiGPU().run"
        require_library("torch", "torch", call)
        arguments = command_line(entrypoint_args)
        run_alone(
            torchrun_agent(call, torchrun_args, entrypoint, arguments, nproc_per_node, default=1)
        )


def torchrun_agent(
    call: str,
    torchrun_args: Arguments,
    entrypoint: str | None,
    arguments: list[str],
    nproc_per_node: int | None,
    default: int,
) -> Agent:
    """Make the agent that runs a script with torchrun."""
    command = partial(
        torchrun_command,
        script=find_script(entrypoint, call),
        arguments=arguments,
        torchrun_args=torchrun_args,
        nproc_per_node=nproc_per_node,
        default=default,
    )
    return Agent(call, command, ENVIRONMENT, rank_of, culprit)
