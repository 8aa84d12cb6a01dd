"""`enable_worker_logs=True`: what Ray's workers print, in the log of their node's own task."""

from __future__ import annotations

import glob
import os
import sys
import threading
from collections.abc import Iterator

_SECONDS = 0.5


class WorkerLogs:
    """Follows the output files of a node's Ray workers in a thread.

    Parameters
    ----------
    folder : str
        The node's temporary folder.
    index : int
        The node's index, which starts each line.
    """

    def __init__(self, folder: str, index: int) -> None:
        self._pattern = os.path.join(folder, "session_*", "logs", "worker-*.[eo][ru][rt]")
        self._prefix = f"[node {index}] "
        self._offsets: dict[str, int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gangway-worker-logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Print what is left and end."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopped.wait(_SECONDS)
            for path in glob.glob(self._pattern):
                stream = sys.stderr if path.endswith(".err") else sys.stdout
                for line in self._new_lines(path, last):
                    print(self._prefix + line, file=stream, flush=True)

    def _new_lines(self, path: str, last: bool) -> Iterator[str]:
        try:
            with open(path, "rb") as file:
                file.seek(self._offsets.get(path, 0))
                data = file.read()
        except OSError:
            return
        whole = len(data) if last else data.rfind(b"\n") + 1
        self._offsets[path] = self._offsets.get(path, 0) + whole
        for line in data[:whole].decode(errors="replace").splitlines():
            # Ray writes lines for its own use there, which its log monitor filters too.
            if line and not line.startswith((":job_id:", ":actor_name:", ":task_name:")):
                yield line
