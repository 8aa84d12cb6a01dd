"""`current.mpi`: Open MPI's commands on the nodes of the gang."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from typing import Any

from ..exceptions import LaunchException, LibraryNotFoundException, ScriptNotFoundException
from ..gang.link.names import node_name
from ..gang.machine import processes
from ..gang.programs.agents import report
from ..gang.programs.arguments import Arguments
from ..gang.programs.launch import Launch, killed_by
from .broadcast import FileServer
from .command import compiler_words, hostfile, mpirun_words
from .daemons import Daemons
from .missing import missing_program
from .node import MpiNode
from .output import JobOutput, culprit
from .runtime import mpirun_environment, mpirun_options, tools_path, version_of


class MpiExecutor:
    """What a step with `@mpi` finds as `current.mpi`.

    Parameters
    ----------
    node : MpiNode
        Control's node.
    slots : list of int
        How many ranks each node is good for.
    """

    def __init__(self, node: MpiNode, slots: list[int]) -> None:
        self._node, self._slots = node, slots
        self._runs = self._files = 0

    def exec(
        self, args: Arguments = None, program: Any = None, program_args: Arguments = None
    ) -> None:
        """Run a program with mpiexec, on all nodes of the gang.

        Parameters
        ----------
        args : list
            Options of mpiexec, as ``["-n", "4"]``. Without ``-n``, each node runs as many ranks as
            it has slots.
        program : str
            The program, as ``"python fit.py"``; ``python`` is that of the task. Files beside the
            flow are found.
        program_args : list
            More arguments of the program.

        Raises
        ------
        LaunchException
            When a rank has failed on any node, with its last lines.
        """
        self._mpirun("mpiexec", args, program, program_args)

    def run(
        self, args: Arguments = None, program: Any = None, program_args: Arguments = None
    ) -> None:
        """Run a program with mpirun; the arguments are those of `exec`."""
        self._mpirun("mpirun", args, program, program_args)

    def cc(self, args: Arguments = None) -> None:
        """Compile a program with mpicc, on control.

        Parameters
        ----------
        args : list
            Arguments of mpicc, as ``["-o", "hello", "hello.c"]``.
        """
        call = "current.mpi.cc"
        find_tool("mpicc", call)
        # Compilers take /tmp, be it full; Python looks for a folder that it can write to.
        environment = {**tools_path(), "TMPDIR": tempfile.gettempdir()}
        launch = self._node.launch(["mpicc", *compiler_words(args)], environment)
        if status := launch.run():
            raise LaunchException(f"{call}: {report(launch.output, status, None)['text']}")

    def broadcast_file(self, filename: str) -> None:
        """Bring a file from control to the same path on all other nodes.

        Parameters
        ----------
        filename : str
            The file; a relative path is one in the working folder of each node.
        """
        call = "current.mpi.broadcast_file"
        if not os.path.isfile(filename):
            raise ScriptNotFoundException(f"{call}: there is no file {filename!r} in {os.getcwd()}")
        self._files += 1
        spec, board = self._node.spec, self._node.board
        with FileServer(filename, spec.secret, spec.address) as server:
            board.post(f"mpi/file/{self._files}", server.offer)
            workers = range(1, spec.num_nodes)
            said = board.wait(*(f"mpi/has/{self._files}/{i}" for i in workers))
        failures = [f"{node_name(i)}: {why}" for i, why in zip(workers, said, strict=True) if why]
        if failures:
            raise LaunchException(f"{call}({filename!r}):\n" + "\n".join(failures))

    def _mpirun(self, tool: str, args: Arguments, program: Any, program_args: Arguments) -> None:
        call = "current.mpi." + {"mpiexec": "exec", "mpirun": "run"}[tool]
        find_tool(tool, call)
        version = version_of(find_tool("mpirun", call), call)
        words = mpirun_options(version, mpirun_words(args, program, program_args))
        # By its name alone: with a path it would put its own folder first on the ranks' PATH.
        command = [tool, *words]
        self._runs += 1
        spec = self._node.spec
        folder = self._node.make_folder()
        daemons = Daemons(self._node, self._runs, folder, version)
        try:
            with open(os.path.join(folder, "hosts"), "w") as file:
                file.write(hostfile(spec.num_nodes, self._slots))
            job = JobOutput(version)
            environment = mpirun_environment(version, folder, daemons.command, spec.local)
            launch = self._node.launch(command, environment, job.rank_of)
            status = launch.run()
        finally:
            daemons.stop()
            processes.remove_folder(folder)
        failures = daemons.failures()
        # mpirun may say 0 although a daemon was ended with its ranks.
        if status or failures:
            why = missing_program(launch.output.last_lines(), job.nodes)
            why = why or _why(tool, launch, status, job, failures)
            raise LaunchException(f"{call}:\n{why}")


def _why(tool: str, launch: Launch, status: int, job: JobOutput, failures: dict[str, int]) -> str:
    failed = culprit(launch.output, status)
    # Daemons whose mpirun is killed fail too, and mpirun may take over a killed daemon's status.
    told = [said for said, ended in failures.items() if killed_by(ended) or not killed_by(status)]
    if failed is None and told:
        return "\n".join(told)
    found = partial(culprit, status=status)
    said = report(launch.output, status, found)["text"].replace("the command", tool, 1)
    if failed and not failed[1]:
        said = said.replace("status 0", "status 0, but without MPI_Finalize", 1)
    node = job.nodes.get(failed[0], 0) if failed else 0
    return f"{node_name(node)}: {said}"


def find_tool(tool: str, where: str) -> str:
    """Give the path of one of Open MPI's commands.

    Parameters
    ----------
    tool : str
        ``mpirun``, ``mpiexec`` or ``mpicc``.
    where : str
        The call, or the decorator with step and flow, for the message.
    """
    path = shutil.which(tool, path=tools_path()["PATH"])
    if path is None:
        package = "libopenmpi-dev" if tool == "mpicc" else "openmpi-bin"
        raise LibraryNotFoundException(
            f"{where}: there is no {tool} on the PATH. Install Open MPI where the step runs: "
            f"apt-get install {package}, dnf install openmpi-devel or brew install open-mpi."
        )
    return path
