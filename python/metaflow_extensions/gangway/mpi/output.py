"""What can be learnt from mpirun's output: who has said what, on which node, and who has failed."""

from __future__ import annotations

import re

from ..gang.output.output import Output
from .command import node_of


class JobOutput:
    """Splits up the output of one mpirun.

    mpirun prints a map of the ranks first, and then puts a tag before each piece of output that it
    gets from a rank: of Open MPI 4 be it a whole line or not, of 5 a whole line, after a space.

    A rank of a program that other ranks have started (``MPI_Comm_spawn``) is called ``2.0``: the
    second program's first rank.

    Parameters
    ----------
    version : int
        Open MPI's major version.

    Attributes
    ----------
    nodes : dict
        The node of each rank.
    """

    _TAG = re.compile(r"\[(\d+),(\d+)\]<(std\w+)>:")
    # Open MPI 5 tells the name that the daemon has for its node, and then the one that we gave.
    _NODE = re.compile(r"\s*(?:Data for node:|resolved from) (\S+)")
    _RANK = re.compile(
        r"\s*(?:Process OMPI jobid: \[\d+,(\d+)\] .*Process rank: (\d+)"
        r"|Data for proc: \[\S+@(\d+),(\d+)\])"
    )
    _HEADLINE = re.compile(r"\s*(Data for JOB .*|=+ +JOB MAP +=+|={40,})\s*$")
    # What the map of Open MPI 5 has more.
    _MORE = re.compile(
        r"\s*(Mapper requested|Binding policy|Num new daemons|Num nodes|Daemon|Num slots"
        r"|Num slots allocated|Pid|State|Binding): "
    )

    def __init__(self, version: int = 4) -> None:
        self.nodes: dict[str, int] = {}
        self._after_tag = "" if version == 4 else " "
        self._node: int | None = None
        self._drawing = False
        # What a rank has printed of a line that it has not ended yet.
        self._begun: dict[tuple[str, str], str] = {}

    def rank_of(self, line: str) -> tuple[str, str, int | None] | None:
        """Return a line's rank, its text and the rank's node; None for a line of the map."""
        own, *tagged = self._TAG.split(line)
        if tagged:
            self._drawing = False
            return self._of_a_rank(own, tagged)
        if self._is_of_the_map(line):
            self._drawing = True
            return None
        if self._drawing and not line.strip():
            return None
        self._drawing = False
        return "", line, None

    def _of_a_rank(self, own: str, tagged: list[str]) -> tuple[str, str, int | None]:
        # The pieces come as job, rank, stream, text, four by four; the last one ends its line.
        for at in range(0, len(tagged), 4):
            job, number, stream, text = tagged[at : at + 4]
            text = text.removeprefix(self._after_tag)
            key = (_rank(job, number), stream)
            self._begun[key] = self._begun.get(key, "") + text
        rank = key[0]
        return rank, own + self._begun.pop(key), self.nodes.get(rank)

    def _is_of_the_map(self, line: str) -> bool:
        if found := self._NODE.match(line):
            named = node_of(found[1])
            self._node = self._node if named is None else named
        elif found := self._RANK.match(line):
            job, rank = found[1] or found[3], found[2] or found[4]
            if self._node is not None:
                self.nodes[_rank(job, rank)] = self._node
        elif self._drawing and self._MORE.match(line):
            pass
        else:
            return self._HEADLINE.match(line) is not None
        return True


def _rank(job: str, rank: str) -> str:
    return rank if job == "1" else f"{job}.{rank}"


_CAUSES = (
    (re.compile(r"Process name: \[\S+@(\d+),(\d+)\]\s+Exit code:\s+(\d+)"), 0),
    (re.compile(r"Process name: \[\S+,(\d+)\],(\d+)\]\s+Exit code:\s+(\d+)"), 0),
    (re.compile(r"process rank ()(\d+) with PID \d+ on\s+node \S+ exited on\s+signal (\d+)"), 128),
    (re.compile(r"process rank ()(\d+) with PID \d+ on\s+node \S+ exiting improperly()"), 0),
    (
        re.compile(
            r"MPI_ABORT was invoked on rank ()(\d+) .*?(?:with errorcode|Errorcode:) (-?\d+)",
            re.DOTALL,
        ),
        0,
    ),
)


# Of Open MPI 5, which tells the status by its own alone.
_ABORT = re.compile(r"process rank (\d+) with PID \d+ on\s+node \S+ calling\s+\"abort\"")


def culprit(output: Output, status: int = 0) -> tuple[str, int] | None:
    """Return the rank that mpirun names as the first to fail, and its exit status.

    The status is 0 for a rank that has ended without `MPI_Finalize`.

    Parameters
    ----------
    output : Output
        What mpirun and the ranks have said.
    status : int
        mpirun's exit status.
    """
    said = "\n".join(output.last_lines())
    for cause, base in _CAUSES:
        if found := cause.search(said):
            return _rank(found[1] or "1", found[2]), base + int(found[3] or 0)
    found = _ABORT.search(said)
    return (found[1], status) if found else None
