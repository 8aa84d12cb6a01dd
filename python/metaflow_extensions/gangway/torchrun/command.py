"""The command line of one node's torchrun: pure functions."""

from __future__ import annotations

import re
import sys
from typing import Any

from ..exceptions import GangAttributeException
from ..gang.output.output import Output
from ..gang.programs.agents import Meeting
from ..gang.programs.arguments import Arguments, option_line, options

# torchrun then says which rank has printed a line, also where several ranks share a node.
ENVIRONMENT = {
    "TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE": "[rank ${rank}] ",
    "PYTHONUNBUFFERED": "1",
}
_LOGS = {"log_dir", "tee", "t", "redirects", "r", "logs_specs"}
_RANK = re.compile(r"\[rank (\d+)\] ?(.*)", re.DOTALL)
_CAUSE = re.compile(r"Root Cause.*?rank\s*: (\d+).*?exitcode\s*: (-?\d+)", re.DOTALL)


def torchrun_command(
    meeting: Meeting,
    script: str,
    arguments: list[str],
    torchrun_args: Arguments = None,
    nproc_per_node: int | None = None,
    default: int = 1,
) -> list[str]:
    """Give the command that runs a script on one node.

    Parameters
    ----------
    meeting : Meeting
        Where the nodes meet.
    script : str
        The script.
    arguments : list of str
        The script's arguments.
    torchrun_args : dict or list
        The user's options for torchrun, which win.
    nproc_per_node : int, optional
        Processes on the node; an option of torchrun that has an argument of its own.
    default : int
        Processes on the node where neither says how many.
    """
    given = options(torchrun_args)
    if nproc_per_node is not None and "nproc_per_node" in given:
        raise GangAttributeException(
            "run(): nproc_per_node is given twice. Give it as an argument, or in torchrun_args."
        )
    ours: dict[str, Any] = {
        "nnodes": meeting.num_nodes,
        "node_rank": meeting.node,
        "nproc_per_node": default if nproc_per_node is None else nproc_per_node,
    }
    if given.get("rdzv_backend", "static") == "static":
        ours |= {"master_addr": meeting.address, "master_port": meeting.port}
    else:
        ours |= {"rdzv_endpoint": f"{meeting.address}:{meeting.port}", "rdzv_id": "gangway"}
    if not _LOGS & set(given):
        ours |= {"log_dir": meeting.folder, "tee": 3}
    line = option_line({**options(ours), **given})
    return [sys.executable, "-m", "torch.distributed.run", *line, script, *arguments]


def rank_of(line: str) -> tuple[str, str]:
    """Which rank has printed a line, and what."""
    found = _RANK.match(line)
    return (found[1], found[2]) if found else ("", line)


def culprit(output: Output) -> tuple[str, int] | None:
    """Return the rank that torchrun names as the first to fail, and its exit status."""
    found = _CAUSE.search("\n".join(output.last_lines()))
    return (found[1], int(found[2])) if found else None
