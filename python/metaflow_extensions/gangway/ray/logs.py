"""What Ray's workers print, in the log of their node's own task, and so at control.

Ray itself shows it at the driver alone, without the node's index, and late: it holds lines back to
see whether they repeat. So Ray is told not to (`quiet_ray`).
"""

from __future__ import annotations

import os
import sys

from ..gang.output.shown import print_line
from ..gang.output.tail import Tail
from .private import show_no_workers

# Lines that Ray's workers write for its log monitor: who speaks from here on.
_JOB, _ACTOR, _TASK = ":job_id:", ":actor_name:", ":task_name:"
_SECONDS = 0.3


class WorkerLogs:
    """Follows the output files of a node's Ray workers.

    Parameters
    ----------
    folder : str
        The node's temporary folder.
    index : int
        The node's index, which starts each line.
    """

    def __init__(self, folder: str, index: int) -> None:
        self._index = index
        self._speakers: dict[str, str] = {}
        pattern = os.path.join(folder, "session_2*", "logs", "worker-*.[eo][ru][rt]")
        self._tail = Tail(pattern, self._take, _SECONDS)

    def stop(self) -> None:
        """Print what is left and end."""
        self._tail.stop()

    def _take(self, path: str, line: str) -> None:
        for mark in (_ACTOR, _TASK):
            if line.startswith(mark):
                self._speakers[path] = line.removeprefix(mark) + " "
        if line and not line.startswith((_JOB, _ACTOR, _TASK)):
            pid = path.rpartition("-")[2].partition(".")[0]
            stream = sys.stderr if path.endswith(".err") else sys.stdout
            print_line(self._index, f"{self._speakers.get(path, '')}pid={pid}", line, stream)


def quiet_ray() -> dict[str, str]:
    """Keep Ray from showing at the driver what is shown already; returns a variable for that."""
    # Ray reads the variable when it is imported.
    show_no_workers()
    return {"RAY_LOG_TO_DRIVER": "0"}
