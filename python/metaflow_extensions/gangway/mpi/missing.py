"""mpirun's complaint about a program that is not there, in words that come first.

It reports such a program, and then ends by a signal (its own number of the error is taken for one).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..gang.link.names import node_name
from .command import node_of

_NOT_FOUND = "unable to find the specified executable"
_NOT_STARTED = re.compile(r"could not access\s+or execute an executable")
_EXECUTABLE = re.compile(r"^\s*Executable:\s*(.+?)\s*$", re.MULTILINE)
_HOST = re.compile(r"^\s*Node:\s*(\S+)", re.MULTILINE)
_RANK = re.compile(r"process\s+rank (\d+)")
_ADVICE = (
    "Each node looks for it on its PATH and, for a name with a slash, at that path: "
    "current.mpi.broadcast_file() brings a file of node 0 to all nodes."
)


def missing_program(lines: Sequence[str], nodes: Mapping[str, int]) -> str | None:
    """Say which program is missing on which node, or None if that was not mpirun's complaint.

    Parameters
    ----------
    lines : sequence of str
        mpirun's own last lines.
    nodes : mapping
        The node of each rank, for an mpirun that does not name the host as gangway does.
    """
    said = "\n".join(lines)
    found, started = _NOT_FOUND in said, _NOT_STARTED.search(said)
    program = _EXECUTABLE.search(said)
    if not (found or started) or program is None:
        return None
    host, rank = _HOST.search(said), _RANK.search(said)
    node = node_of(host[1]) if host else None
    if node is None:
        node = nodes.get(rank[1], 0) if rank else 0
    why = f"there is no program {program[1]!r}"
    if not found:
        why = f"{program[1]!r} cannot be run; it must be a program, with the right to execute it"
    return f"{node_name(node)}: {why}. {_ADVICE}"
