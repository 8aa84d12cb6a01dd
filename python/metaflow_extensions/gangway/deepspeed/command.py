"""The command line of one node's deepspeed, and the hostfile: pure functions."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

from ..exceptions import GangAttributeException
from ..gang.output.output import Output
from ..gang.programs.agents import Meeting
from ..gang.programs.arguments import Arguments, option_line, options

ENVIRONMENT = {"PYTHONUNBUFFERED": "1"}
_CHOICES = {"include", "i", "exclude", "e", "num_gpus", "num_accelerators", "num_nodes"}
_RANK = re.compile(r"_rank(\d+)\.log$")
_STATUS = re.compile(r"exits with return code = (-?\d+)")


def hostfile(slots: Sequence[int]) -> str:
    """Return the text of a hostfile, of each node's slots; nobody connects to the names in it."""
    return "".join(f"node-{i} slots={each}\n" for i, each in enumerate(slots))


def deepspeed_command(
    meeting: Meeting,
    script: str,
    arguments: list[str],
    deepspeed_args: Arguments = None,
    gpus: Sequence[Sequence[str]] = (),
) -> list[str]:
    """Give the command that runs a script on one node.

    Parameters
    ----------
    meeting : Meeting
        Where the nodes meet; the hostfile lies in its folder.
    script : str
        The script.
    arguments : list of str
        The script's arguments.
    deepspeed_args : dict or list
        The user's options for deepspeed, which win.
    gpus : sequence of sequence of str
        The GPUs of each node, where the nodes share a machine.
    """
    given = options(deepspeed_args)
    if "master_addr" in given:
        raise GangAttributeException(
            "current.deepspeed.run(): leave master_addr out of deepspeed_args, gangway knows it."
        )
    ours: dict[str, str | None] = {
        "hostfile": os.path.join(meeting.folder, "hostfile"),
        "no_ssh": None,  # each node starts its own ranks
        "node_rank": str(meeting.node),
        "master_addr": meeting.address,
        "master_port": str(meeting.port),
        "enable_each_rank_log": meeting.folder,
    }
    if any(gpus) and not _CHOICES & set(given):
        ours["include"] = "@".join(f"node-{i}:{','.join(g)}" for i, g in enumerate(gpus) if g)
    line = option_line({**ours, **given})
    return [sys.executable, "-m", "deepspeed.launcher.runner", *line, script, *arguments]


def rank_of_file(path: str) -> str:
    """Return the rank whose log a file is."""
    found = _RANK.search(path)
    return found[1] if found else ""


def culprit(output: Output) -> tuple[str, int] | None:
    """Return the rank that has failed, and its exit status; the launcher tells only the status.

    It is the only rank of the node, or the first that ended with a traceback.
    """
    found = _STATUS.search("\n".join(output.last_lines()))
    ranks = output.ranks()
    failed = [r for r in ranks if any("Traceback" in line for line in output.last_lines(r))]
    suspects = sorted(failed or ranks, key=output.last_spoke)
    if found is None or (len(suspects) > 1 and not failed):
        return ("", int(found[1])) if found else None
    return (suspects[0] if suspects else ""), int(found[1])
