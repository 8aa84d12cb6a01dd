"""Files that processes write their output to, followed line by line."""

from __future__ import annotations

import contextlib
import glob
import os
import threading
from collections.abc import Callable

from ...signals.threads import start_thread
from .shown import LONGEST_LINE

_SECONDS = 0.1


class Tail:
    """Follows all files of a pattern in a thread, also those that come later.

    Parameters
    ----------
    pattern : str
        What `glob` understands.
    take : callable
        Called with a file's path and each of its lines.
    seconds : float
        How often it looks.
    from_now : bool
        Whether to leave out what the files have already.
    """

    def __init__(
        self,
        pattern: str,
        take: Callable[[str, str], None],
        seconds: float = _SECONDS,
        from_now: bool = False,
    ) -> None:
        self._pattern, self._take, self._seconds = pattern, take, seconds
        found = glob.glob(pattern) if from_now else []
        self._offsets = {path: os.path.getsize(path) for path in found}
        self._stopped = threading.Event()
        self._thread = start_thread(self._run, name="gangway-tail")

    def stop(self) -> None:
        """Take what is left, unfinished lines too, and end."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopped.wait(self._seconds)
            for path in sorted(glob.glob(self._pattern)):
                with contextlib.suppress(OSError):
                    self._follow(path, last)

    def _follow(self, path: str, last: bool) -> None:
        at, size = self._offsets.get(path, 0), os.stat(path).st_size
        if at == size:
            return
        with open(path, "rb") as file:
            while at < size:
                file.seek(at)
                data = file.read(LONGEST_LINE)
                whole = data.rfind(b"\n") + 1
                if not whole and (last or len(data) == LONGEST_LINE):
                    whole = len(data)
                if not whole:
                    return
                self._offsets[path] = at = at + whole
                for line in data[:whole].decode(errors="replace").splitlines():
                    self._take(path, line)
