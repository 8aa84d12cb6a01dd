"""Command lines, variables and files for Open MPI: pure functions."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from ..gang.programs.arguments import Arguments, command_line
from ..gang.programs.scripts import find_beside

_HOST = "gang-node-"
# What metaflow-mpi calls its own list of nodes, and its users repeat.
_THEIR_HOSTFILE = "hostfile.txt"
_HOSTFILE_OPTIONS = ("--hostfile", "-hostfile", "--machinefile", "-machinefile")


def host_name(node: int) -> str:
    """Return the name of a node for Open MPI. Nobody connects to it: the agent knows the node."""
    return f"{_HOST}{node}"


def node_of(host: str) -> int | None:
    """Return the node that a name means, or None for a name that is none of ours."""
    index = host.removeprefix(_HOST)
    return int(index) if index != host and index.isdigit() else None


def hostfile(num_nodes: int, slots: Sequence[int]) -> str:
    """Return the text of the file that lists the nodes."""
    return "".join(f"{host_name(i)} slots={slots[i]}\n" for i in range(num_nodes))


def mpirun_words(args: Arguments, program: Any, program_args: Arguments) -> list[str]:
    """Return the words that follow ``mpirun``.

    Parameters
    ----------
    args : list, dict or str
        Options of mpirun. A hostfile of metaflow-mpi, which is not there, is left out.
    program : str or list
        The program and its first arguments, as a shell would split it. Files beside the flow are
        found. A script of Python runs under ``-m mpi4py``, where that is installed: otherwise an
        exception in one rank leaves the others waiting for it.
    program_args : list, dict or str
        More arguments of the program, as they are.
    """
    words = _without_their_hostfile(_split(args))
    program = [find_beside(word) or word for word in _split(program)]
    if program[:1] == ["python"] and "".join(program[1:2]).endswith(".py") and find_spec("mpi4py"):
        program.insert(1, "-mmpi4py")
    return [*words, *program, *_split(program_args)]


def compiler_words(args: Arguments) -> list[str]:
    """Return the words that follow ``mpicc``; files beside the flow are found."""
    return [find_beside(word) or word for word in _split(args)]


def _split(given: Any) -> list[str]:
    return shlex.split(given) if isinstance(given, str) else command_line(given)


def _without_their_hostfile(words: list[str]) -> list[str]:
    for option in _HOSTFILE_OPTIONS:
        if option in words[:-1]:
            at = words.index(option)
            file = words[at + 1]
            if os.path.basename(file) == _THEIR_HOSTFILE and not os.path.exists(file):
                return words[:at] + words[at + 2 :]
    return words
